// The contract of CloudStorageClient (include/protobase/cloud_storage_client.h) as tests, run by
// mocks and real clients: give INSTANTIATE_TEST_SUITE_P a CloudClientCase. More of it:
// cloud_client_races_conformance.h.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "protobase/cloud_storage_client.h"
#include "protobase/errors.h"

namespace protobase::conformance {

/// A place in a bucket where nothing else is.
struct CloudPlace {
  std::string prefix;  ///< of the place itself; a slash at its end, or empty
  /// Opens a client of the place, as another machine would, whose keys all begin with `prefix` +
  /// `inner_prefix`. Puts larger than `part_size` are sent in parts.
  std::function<std::shared_ptr<CloudStorageClient>(const std::string& inner_prefix,
                                                    std::uint64_t part_size)>
      open;
};

struct CloudClientCase {
  std::string name;
  std::function<CloudPlace()> new_place;
  std::uint64_t smallest_part = 0;  ///< that the store takes
  unsigned requests_to_begin = 1;   ///< an upload in parts ...
  unsigned requests_to_end = 0;     ///< ... and to make an object of them
  std::size_t keys_per_delete = 1;  ///< in one request
};

inline std::ostream& operator<<(std::ostream& out, const CloudClientCase& value) {
  return out << value.name;
}

class CloudClientConformance : public ::testing::TestWithParam<CloudClientCase> {
 protected:
  static constexpr std::uint64_t kPartSize = std::uint64_t{16} << 20;
  static constexpr int kThreads = 8;

  void SetUp() override {
    place_ = GetParam().new_place();
    client_ = open();
  }
  void TearDown() override { remove_all(); }

  std::shared_ptr<CloudStorageClient> open(const std::string& inner_prefix = "",
                                           std::uint64_t part_size = kPartSize) {
    return place_.open(inner_prefix, part_size);
  }

  static CloudPutResult put(CloudStorageClient& client, const std::string& key,
                            std::string_view text, const CloudPutCondition& condition = {}) {
    const auto bytes = as_bytes(text);
    return client.put(key, {&bytes, 1}, condition);
  }
  CloudPutResult put(const std::string& key, std::string_view text,
                     const CloudPutCondition& condition = {}) {
    return put(*client_, key, text, condition);
  }

  /// "(absent)" when there is no such object.
  static std::string text_of(CloudStorageClient& client, const std::string& key) {
    const CloudGetResult result = client.get(key);
    return result.status == CloudGetStatus::kFound ? std::string(result.object.bytes.as_text())
                                                   : "(absent)";
  }
  std::string text_of(const std::string& key) { return text_of(*client_, key); }

  std::string range_of(const std::string& key, std::uint64_t offset, std::uint64_t length) {
    const auto result = client_->get(key, {.range = CloudRange{offset, length}});
    EXPECT_EQ(result.status, CloudGetStatus::kFound);
    return std::string(result.object.bytes.as_text());
  }

  static std::vector<std::string> keys_of(const CloudListPage& page) {
    std::vector<std::string> keys;
    for (const auto& object : page.objects) keys.push_back(object.key);
    return keys;
  }

  /// Every key that begins with `prefix`, page by page.
  static std::vector<std::string> all_keys(CloudStorageClient& client, const std::string& prefix,
                                           unsigned page_size) {
    std::vector<std::string> all;
    for (bool more = true; more;) {
      const CloudListPage page = client.list(prefix, all.empty() ? "" : all.back(), page_size);
      EXPECT_LE(page.objects.size(), page_size);
      for (const auto& object : page.objects) all.push_back(object.key);
      more = page.is_truncated;
      if (more && page.objects.empty()) throw std::runtime_error("an empty page is not the last");
    }
    return all;
  }

  void remove_all() {
    if (client_) client_->remove(all_keys(*client_, "", 1000));
  }

  /// Runs `work` in kThreads threads; what one throws fails the test.
  static void run_in_threads(const std::function<void(int)>& work) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&work, i] {
        try {
          work(i);
        } catch (const std::exception& error) {
          ADD_FAILURE() << "thread " << i << ": " << error.what();
        }
      });
    }
  }

  void put_many(std::size_t count, const std::function<std::string(std::size_t)>& key_of) {
    run_in_threads([&](int thread) {
      for (auto i = static_cast<std::size_t>(thread); i < count; i += kThreads) {
        put(key_of(i), std::to_string(i));
      }
    });
  }

  CloudPlace place_;
  std::shared_ptr<CloudStorageClient> client_;
};

inline std::string numbered(std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(6 - digits.size(), '0') + digits;
}

TEST_P(CloudClientConformance, WhatWasPutIsGot) {
  const std::string version = put("a", "hello").version;
  EXPECT_NE(version, "");
  const CloudGetResult got = client_->get("a");
  ASSERT_EQ(got.status, CloudGetStatus::kFound);
  EXPECT_EQ(got.object.bytes.as_text(), "hello");
  EXPECT_EQ(got.object.metadata.key, "a");
  EXPECT_EQ(got.object.metadata.size, 5u);
  EXPECT_EQ(got.object.metadata.version, version);
}

TEST_P(CloudClientConformance, HeadAndListTellTheSame) {
  const std::string version = put("a", "hello").version;
  const auto head = client_->head("a");
  const auto page = client_->list("", "", 10);
  ASSERT_TRUE(head);
  ASSERT_EQ(page.objects.size(), 1u);
  constexpr std::int64_t k2020 = 1'577'836'800'000'000;
  for (const auto& metadata : {*head, page.objects[0]}) {
    EXPECT_EQ(metadata.key, "a");
    EXPECT_EQ(metadata.size, 5u);
    EXPECT_EQ(metadata.version, version);
    EXPECT_GT(metadata.last_modified_us, k2020);
  }
  EXPECT_EQ(head->last_modified_us / 1'000'000, page.objects[0].last_modified_us / 1'000'000);
}

TEST_P(CloudClientConformance, PartsBecomeOneObject) {
  const std::span<const std::byte> parts[] = {as_bytes("ab"), {}, as_bytes("c"), as_bytes("def")};
  client_->put("a", parts, {});
  EXPECT_EQ(text_of("a"), "abcdef");
}

TEST_P(CloudClientConformance, EveryByteComesBack) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  put("a", all);
  EXPECT_EQ(text_of("a"), all);
}

TEST_P(CloudClientConformance, AnObjectMayBeEmpty) {
  client_->put("a", {}, {});
  const auto got = client_->get("a");
  EXPECT_EQ(got.status, CloudGetStatus::kFound);
  EXPECT_TRUE(got.object.bytes.empty());
  EXPECT_EQ(client_->head("a")->size, 0u);
  EXPECT_EQ(range_of("a", 0, 10), "");
}

TEST_P(CloudClientConformance, AbsentIsAnAnswer) {
  EXPECT_EQ(client_->get("a").status, CloudGetStatus::kAbsent);
  EXPECT_EQ(client_->get("a", {.range = CloudRange{0, 1}}).status, CloudGetStatus::kAbsent);
  EXPECT_EQ(client_->head("a"), std::nullopt);
  EXPECT_TRUE(client_->list("", "", 10).objects.empty());
}

TEST_P(CloudClientConformance, PuttingAgainReplacesAll) {
  const std::string first = put("a", "long and old").version;
  const std::string second = put("a", "new").version;
  EXPECT_NE(first, second);
  EXPECT_EQ(text_of("a"), "new");
  EXPECT_EQ(client_->head("a")->version, second);
  EXPECT_EQ(client_->list("", "", 10).objects.size(), 1u);
}

TEST_P(CloudClientConformance, RangesAreCutAtTheEnd) {
  put("a", "0123456789");
  EXPECT_EQ(range_of("a", 0, 4), "0123");
  EXPECT_EQ(range_of("a", 3, 4), "3456");
  EXPECT_EQ(range_of("a", 9, 1), "9");
  EXPECT_EQ(range_of("a", 0, 10), "0123456789");
  EXPECT_EQ(range_of("a", 7, 100), "789");
  EXPECT_EQ(range_of("a", 10, 1), "") << "behind the end";
  EXPECT_EQ(range_of("a", 1000, 1000), "");
}

TEST_P(CloudClientConformance, ARangeTellsOfTheWholeObject) {
  const std::string version = put("a", "0123456789").version;
  const auto metadata = client_->get("a", {.range = CloudRange{2, 3}}).object.metadata;
  EXPECT_EQ(metadata.size, 10u);
  EXPECT_EQ(metadata.version, version);
}

TEST_P(CloudClientConformance, ImpossibleRangesAreRefused) {
  put("a", "x");
  const auto get_range = [&](std::uint64_t offset, std::uint64_t length) {
    client_->get("a", {.range = CloudRange{offset, length}});
  };
  EXPECT_THROW(get_range(0, 0), ValidationError);
  EXPECT_THROW(get_range(~std::uint64_t{0}, 1), ValidationError);
  EXPECT_THROW(get_range(1, ~std::uint64_t{0}), ValidationError);
}

TEST_P(CloudClientConformance, AKnownVersionSavesTheBytes) {
  const std::string version = put("a", "old").version;
  EXPECT_EQ(client_->get("a", {}, version).status, CloudGetStatus::kUnchanged);
  EXPECT_EQ(client_->get("a", {.range = CloudRange{0, 2}}, version).status,
            CloudGetStatus::kUnchanged);
  put("a", "new");
  const auto changed = client_->get("a", {}, version);
  EXPECT_EQ(changed.status, CloudGetStatus::kFound);
  EXPECT_EQ(changed.object.bytes.as_text(), "new");
  client_->remove(std::vector<std::string>{"a"});
  EXPECT_EQ(client_->get("a", {}, version).status, CloudGetStatus::kAbsent);
}

TEST_P(CloudClientConformance, CreatingTwiceIsRefused) {
  EXPECT_TRUE(put("a", "first", CloudPutCondition::if_absent()).stored);
  const auto second = put("a", "second", CloudPutCondition::if_absent());
  EXPECT_FALSE(second.stored);
  EXPECT_EQ(second.version, "");
  EXPECT_FALSE(put("a", "", CloudPutCondition::if_absent()).stored);
  EXPECT_EQ(text_of("a"), "first");
}

TEST_P(CloudClientConformance, WhatWasRemovedCanBeCreated) {
  put("a", "first");
  client_->remove(std::vector<std::string>{"a"});
  EXPECT_TRUE(put("a", "second", CloudPutCondition::if_absent()).stored);
  EXPECT_EQ(text_of("a"), "second");
}

TEST_P(CloudClientConformance, AVersionThatMatchesIsReplaced) {
  const std::string first = put("a", "1").version;
  const auto second = put("a", "2", CloudPutCondition::if_version(first));
  EXPECT_TRUE(second.stored);
  EXPECT_EQ(client_->head("a")->version, second.version);
  EXPECT_FALSE(put("a", "3", CloudPutCondition::if_version(first)).stored);
  EXPECT_EQ(text_of("a"), "2");
  EXPECT_TRUE(put("a", "4", CloudPutCondition::if_version(second.version)).stored);
}

TEST_P(CloudClientConformance, VersionsFromGetAndListMatchToo) {
  put("a", "1");
  EXPECT_TRUE(
      put("a", "2", CloudPutCondition::if_version(client_->get("a").object.metadata.version))
          .stored);
  const std::string listed = client_->list("", "", 1).objects.at(0).version;
  EXPECT_TRUE(put("a", "3", CloudPutCondition::if_version(listed)).stored);
  EXPECT_EQ(text_of("a"), "3");
}

TEST_P(CloudClientConformance, AnAbsentObjectHasNoVersion) {
  const std::string version = put("a", "1").version;
  client_->remove(std::vector<std::string>{"a"});
  EXPECT_FALSE(put("a", "2", CloudPutCondition::if_version(version)).stored);
  EXPECT_EQ(text_of("a"), "(absent)");
  EXPECT_THROW(put("a", "2", CloudPutCondition::if_version("")), ValidationError);
}

TEST_P(CloudClientConformance, OddKeysAreKeysLikeOthers) {
  std::vector<std::string> keys = {"with space",
                                   "plus+and%25percent",
                                   "%2F",
                                   "a//b",
                                   ".",
                                   "..",
                                   "./a",
                                   "../a",
                                   "a/.",
                                   "a/..",
                                   "a/../b",
                                   "a/./b",
                                   "a/b/",
                                   "...",
                                   "~tilde-_.",
                                   "!*'();:@&=$,?#[]",
                                   "\"quotes'\\",
                                   "<xml>&amp;",
                                   "k\xC3\xA4se",
                                   "\xE6\x97\xA5\xE6\x9C\xAC",
                                   "\xF0\x9F\x98\x80",
                                   "e\xCC\x81",
                                   "\xC3\xA9",
                                   "UPPER",
                                   "upper",
                                   " lead and trail ",
                                   "x=1&y=2",
                                   "{}|^`"};
  for (const auto& key : keys) {
    SCOPED_TRACE(key);
    put(key, "value of " + key);
    EXPECT_EQ(text_of(key), "value of " + key);
    EXPECT_TRUE(client_->head(key));
    EXPECT_FALSE(put(key, "", CloudPutCondition::if_absent()).stored);
  }
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(all_keys(*client_, "", 1000), keys);
  EXPECT_EQ(all_keys(*client_, "", 3), keys) << "each of them can be started behind";
  client_->remove(keys);
  EXPECT_TRUE(client_->list("", "", 1).objects.empty());
}

TEST_P(CloudClientConformance, KeysThatNoStoreTakesAreRefused) {
  const std::string long_key(1025 - place_.prefix.size(), 'k');
  for (const std::string& key :
       {std::string(), std::string("a\nb"), std::string("a\0b", 3), std::string("\x7F"),
        std::string("\xFF"), std::string("\xC3"), std::string("\xED\xA0\x80"), long_key}) {
    EXPECT_THROW(put(key, "x"), ValidationError) << key;
    EXPECT_THROW(client_->get(key), ValidationError) << key;
    EXPECT_THROW(client_->head(key), ValidationError) << key;
    EXPECT_THROW(client_->remove(std::vector<std::string>{"a", key}), ValidationError) << key;
  }
  EXPECT_EQ(client_->counts().puts + client_->counts().gets + client_->counts().deletes, 0u);
}

TEST_P(CloudClientConformance, TheLongestKeyWorks) {
  const std::string key(1024 - place_.prefix.size(), 'k');
  put(key, "x");
  EXPECT_EQ(text_of(key), "x");
}

TEST_P(CloudClientConformance, ListsAreInByteOrder) {
  std::vector<std::string> keys = {"b", "a", "B", "a/", "a/b", "a0", "a-", "\xC3\xA4", "z", "_"};
  for (const auto& key : keys) put(key, "x");
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(keys_of(client_->list("", "", 1000)), keys);
}

TEST_P(CloudClientConformance, AListBeginsBehindAndEndsWithItsPrefix) {
  for (const char* key : {"a", "log/1", "log/2", "log/4", "logs", "z"}) put(key, "x");
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys_of(client_->list("log/", "", 10)), (Keys{"log/1", "log/2", "log/4"}));
  EXPECT_EQ(keys_of(client_->list("log/", "log/1", 10)), (Keys{"log/2", "log/4"}));
  EXPECT_EQ(keys_of(client_->list("log/", "log/3", 10)), (Keys{"log/4"})) << "no object there";
  EXPECT_EQ(keys_of(client_->list("log/", "a", 10)), (Keys{"log/1", "log/2", "log/4"}));
  EXPECT_EQ(keys_of(client_->list("log/", "log/4", 10)), Keys{});
  EXPECT_EQ(keys_of(client_->list("log/", "z", 10)), Keys{});
  EXPECT_EQ(keys_of(client_->list("", "log/4", 10)), (Keys{"logs", "z"}));
  EXPECT_EQ(keys_of(client_->list("nothing", "", 10)), Keys{});
}

TEST_P(CloudClientConformance, APageSaysWhetherThereIsMore) {
  for (const char* key : {"a", "b", "c"}) put(key, "x");
  EXPECT_TRUE(client_->list("", "", 1).is_truncated);
  EXPECT_TRUE(client_->list("", "", 2).is_truncated);
  EXPECT_FALSE(client_->list("", "", 3).is_truncated);
  EXPECT_FALSE(client_->list("", "b", 1).is_truncated);
  EXPECT_FALSE(client_->list("a", "", 1).is_truncated);
  EXPECT_THROW(client_->list("", "", 0), ValidationError);
  EXPECT_THROW(client_->list("", "", 1001), ValidationError);
}

TEST_P(CloudClientConformance, ManyObjectsAreListedInPages) {
  constexpr std::size_t kObjects = 2500;
  put_many(kObjects, numbered);
  for (const unsigned page_size : {1000u, 999u}) {
    const auto before = client_->counts().lists;
    const auto keys = all_keys(*client_, "", page_size);
    ASSERT_EQ(keys.size(), kObjects);
    for (std::size_t i = 0; i < kObjects; ++i) ASSERT_EQ(keys[i], numbered(i));
    EXPECT_EQ(client_->counts().lists - before, 3u) << "one request a page";
  }
  EXPECT_EQ(keys_of(client_->list("", numbered(2497), 1000)),
            (std::vector<std::string>{numbered(2498), numbered(2499)}));
}

TEST_P(CloudClientConformance, ManyObjectsAreRemovedAtOnce) {
  constexpr std::size_t kObjects = 1500;
  put_many(kObjects + 1, numbered);
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < kObjects; ++i) keys.push_back(numbered(i));
  const auto before = client_->counts().deletes;
  client_->remove(keys);
  EXPECT_EQ(keys_of(client_->list("", "", 10)), std::vector<std::string>{numbered(kObjects)});
  const std::size_t at_once = GetParam().keys_per_delete;
  EXPECT_EQ(client_->counts().deletes - before, (kObjects + at_once - 1) / at_once);
}

TEST_P(CloudClientConformance, WhatIsNotThereCountsAsRemoved) {
  put("a", "x");
  client_->remove(std::vector<std::string>{"never", "a", "was"});
  client_->remove(std::vector<std::string>{"a"});
  EXPECT_EQ(client_->head("a"), std::nullopt);
  const auto before = client_->counts().deletes;
  client_->remove({});
  EXPECT_EQ(client_->counts().deletes, before) << "nothing to remove, nothing to ask for";
}

TEST_P(CloudClientConformance, PrefixesKeepStoresApart) {
  const auto one = open("store");
  const auto other = open("stor");
  put(*one, "key", "one");
  put(*other, "key", "other");
  EXPECT_EQ(text_of(*one, "key"), "one");
  EXPECT_EQ(text_of("stor/key"), "other");
  EXPECT_EQ(keys_of(other->list("", "", 10)), std::vector<std::string>{"key"});
  EXPECT_TRUE(other->list("e/", "", 10).objects.empty());
  other->remove(std::vector<std::string>{"key"});
  EXPECT_EQ(text_of(*one, "key"), "one");
}

TEST_P(CloudClientConformance, WhatMarksAFolderIsNotInIt) {
  put("folder/", "");
  const auto inside = open("folder");
  EXPECT_TRUE(inside->list("", "", 10).objects.empty());
  put(*inside, "key", "x");
  EXPECT_EQ(keys_of(inside->list("", "", 10)), std::vector<std::string>{"key"});
  EXPECT_FALSE(inside->list("", "", 1).is_truncated);
}

TEST_P(CloudClientConformance, ALongAnswerIsAnError) {
  put("a", std::string(1000, 'x'));
  EXPECT_EQ(client_->get("a", {.max_bytes = 1000}).object.bytes.size(), 1000u);
  EXPECT_EQ(client_->get("a", {.range = CloudRange{1, 10}, .max_bytes = 10}).object.bytes.size(),
            10u);
  EXPECT_EQ(client_->get("a", {.range = CloudRange{995, 100}, .max_bytes = 10}).object.bytes.size(),
            5u);
  try {
    client_->get("a", {.max_bytes = 999});
    FAIL() << "it was let through";
  } catch (const CloudStorageError& error) {
    EXPECT_EQ(error.failure(), CloudFailure::kRefused);
    EXPECT_NE(std::string_view(error.what()).find("999"), std::string_view::npos) << error.what();
  }
}

TEST_P(CloudClientConformance, ALargeObjectIsSentInParts) {
  const std::uint64_t part = GetParam().smallest_part;
  const auto client = open("", part);
  std::string content(2 * part + 7, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31 / 7);
  // Pieces that do not fit the parts.
  const std::span<const std::byte> pieces[] = {as_bytes(content).first(10),
                                               as_bytes(content).subspan(10, part),
                                               as_bytes(content).subspan(10 + part)};
  const auto before = client->counts();
  const auto stored = client->put("large", pieces, {});
  ASSERT_TRUE(stored.stored);
  const auto after = client->counts();
  EXPECT_EQ(after.puts - before.puts,
            GetParam().requests_to_begin + 3 + GetParam().requests_to_end);
  EXPECT_GE(after.bytes_sent - before.bytes_sent, content.size());
  EXPECT_EQ(client_->head("large")->version, stored.version);
  EXPECT_TRUE(text_of("large") == content);
  EXPECT_EQ(range_of("large", part - 3, 6), content.substr(part - 3, 6));
  EXPECT_TRUE(client->put("large", pieces, CloudPutCondition::if_version(stored.version)).stored);
}

TEST_P(CloudClientConformance, ALargeObjectIsCreatedOnce) {
  const std::uint64_t part = GetParam().smallest_part;
  const auto client = open("", part);
  const std::string content(part + 1, 'x');
  EXPECT_TRUE(put(*client, "large", content, CloudPutCondition::if_absent()).stored);
  const std::string version = client->head("large")->version;
  EXPECT_FALSE(put(*client, "large", content + "y", CloudPutCondition::if_absent()).stored);
  EXPECT_EQ(client->head("large")->version, version);
  EXPECT_EQ(keys_of(client->list("", "", 10)), std::vector<std::string>{"large"});
}

TEST_P(CloudClientConformance, ExactlyOnePartIsSentAtOnce) {
  const auto client = open("", GetParam().smallest_part);
  const auto before = client->counts().puts;
  put(*client, "a", std::string(GetParam().smallest_part, 'x'));
  EXPECT_EQ(client->counts().puts - before, 1u);
}

TEST_P(CloudClientConformance, EveryRequestIsCounted) {
  const auto before = client_->counts();
  put("a", "12345");
  put("a", "67890", CloudPutCondition::if_absent());
  client_->get("a");
  client_->get("a", {.range = CloudRange{1, 2}});
  client_->get("absent");
  client_->head("a");
  client_->list("", "", 10);
  client_->remove(std::vector<std::string>{"a"});
  const auto after = client_->counts();
  EXPECT_EQ(after.puts - before.puts, 2u);
  EXPECT_EQ(after.gets - before.gets, 4u);
  EXPECT_EQ(after.lists - before.lists, 1u);
  EXPECT_EQ(after.deletes - before.deletes, 1u);
  EXPECT_GE(after.bytes_sent - before.bytes_sent, 10u);
  EXPECT_GE(after.bytes_received - before.bytes_received, 7u);
  EXPECT_EQ(open()->counts().puts, 0u) << "each client counts its own";
}

TEST_P(CloudClientConformance, ALocationNamesBucketAndPrefix) {
  const std::string location = open("inner")->location();
  EXPECT_TRUE(location.starts_with("s3://") || location.starts_with("gs://")) << location;
  EXPECT_TRUE(location.ends_with("inner")) << location;
}

TEST_P(CloudClientConformance, ErrorsNameWhereTheyCameFrom) {
  put("some key", "x");
  try {
    client_->get("some key", {.max_bytes = 0});
    FAIL() << "it was let through";
  } catch (const CloudStorageError& error) {
    const std::string_view text = error.what();
    EXPECT_NE(text.find("get"), std::string_view::npos) << text;
    EXPECT_NE(text.find("some key"), std::string_view::npos) << text;
    EXPECT_NE(text.find(client_->location()), std::string_view::npos) << text;
  }
}

}  // namespace protobase::conformance
