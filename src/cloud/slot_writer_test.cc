// The table of "Committing" in docs/internals/cloud_format.md, a line of it after the other: what
// is made of each answer to the put of a slot.
#include "cloud/slot_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cloud/memory_bucket.h"
#include "engine/worker_pool.h"
#include "os/random.h"
#include "protobase/errors.h"
#include "protobase/mock_s3_client.h"
#include "testing/forwarding_cloud_client.h"
#include "testing/manual_clock.h"

namespace protobase::cloud {
namespace {

constexpr std::uint64_t kNumber = 7, kTimeoutMs = 5'000;

/// What stands in the slot once a put was made, whatever is said of it.
enum class Effect {
  kNone,
  kOurs,
  kAnothers,
  kDamage,  ///< no slot that anybody could read
};

/// Throws; or says whether the put was stored.
using Answer = std::function<bool()>;

struct Try {
  Effect effect;
  Answer answer;
};

enum class Look { kIsAnswered, kIsRefused, kFailsOnce };

enum class Outcome {
  kStored,
  kOther,
  kRefused,  ///< nothing stands there, and the caller hears why
  kThrown,   ///< unknown
};

struct Row {
  std::string answers;
  std::vector<Try> tries;
  Outcome outcome;
  bool is_in_doubt = false;
  Look look = Look::kIsAnswered;
  bool lasts = false;  ///< the last try's answer is that of all further ones, until time is up
};

bool stored() { return true; }
bool exists() { return false; }
Answer failed(CloudFailure failure, int status) {
  return [=]() -> bool { throw CloudStorageError(failure, status, "the last answer"); };
}
bool not_authorized() { throw NotAuthorizedError("the last answer"); }
bool no_bucket() { throw NotFoundError("the last answer"); }

SlotHeader header_of(std::uint64_t epoch, std::uint8_t id) {
  SlotHeader header;
  header.number = kNumber;
  header.epoch = epoch;
  header.commit_id = UUID::from_random({id});
  header.store = UUID::from_random({100});
  header.wal = UUID::from_random({101});
  header.begin = 4096;
  header.length = header.inline_bytes = 8;
  header.records = 1;
  return header;
}

Bytes object_of(const SlotHeader& header) {
  const auto bytes = write_slot_header(header);
  Bytes object(bytes.begin(), bytes.end());
  object.resize(kSlotHeaderSize + header.inline_bytes);
  return object;
}

/// Answers to puts as a row says.
class TableClient final : public testing::ForwardingCloudClient {
 public:
  TableClient(const Row& row, std::shared_ptr<MemoryBucket> bucket)
      : ForwardingCloudClient(std::make_shared<MockS3Client>(bucket)),
        row_(row),
        bucket_(std::move(bucket)) {}

  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition) override {
    EXPECT_EQ(key, slot_key(kNumber));
    EXPECT_EQ(condition.kind, CloudPutCondition::Kind::kAbsent);
    Bytes bytes;
    for (const auto part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
    EXPECT_EQ(bytes, object_of(header_of(2, 1))) << "the same slot with the same id";
    const std::size_t number = puts++;
    if (number >= row_.tries.size()) {
      EXPECT_TRUE(row_.lasts) << "one try more than there should be";
      return answer(row_.tries.back().answer);
    }
    take_effect(row_.tries[number].effect, std::move(bytes));
    return answer(row_.tries[number].answer);
  }

  CloudGetResult get(const std::string& key, const CloudGetOptions& options,
                     const std::string& known_version) override {
    ++looks;
    if (row_.look == Look::kIsRefused) throw NotAuthorizedError("look: no");
    if (row_.look == Look::kFailsOnce && looks == 1) {
      throw CloudStorageError(CloudFailure::kUnknown, 0, "look: cut");
    }
    return inner().get(key, options, known_version);
  }

  std::size_t puts = 0, looks = 0;

 private:
  static CloudPutResult answer(const Answer& answer) { return {answer(), {}}; }
  void take_effect(Effect effect, Bytes ours) {
    if (effect == Effect::kNone) return;
    if (effect == Effect::kAnothers) ours = object_of(header_of(3, 2));
    if (effect == Effect::kDamage) ours[100] ^= std::byte{1};
    bucket_->put(slot_key(kNumber), std::move(ours));
  }

  const Row& row_;
  const std::shared_ptr<MemoryBucket> bucket_;
};

/// Every test has lines of the table.
class SlotWriterTest : public ::testing::Test {
 protected:
  static void check(const Row& row) {
    SCOPED_TRACE(row.answers);
    const auto clock = std::make_shared<testing::ManualClock>();
    const auto bucket = std::make_shared<MemoryBucket>("mock", clock);
    const auto client = std::make_shared<TableClient>(row, bucket);
    const Bucket asked(client, {clock, os::system_random(), kTimeoutMs});
    engine::WorkerPool pool(0);
    const SlotReader reader(asked, pool, [](const auto&...) {});
    const SlotWriter writer(asked, reader);
    const SlotHeader header = header_of(2, 1);
    const Bytes object = object_of(header);
    const std::span bytes(object);
    const SlotWriter::Parts parts{bytes.first(kSlotHeaderSize), bytes.subspan(kSlotHeaderSize)};
    try {
      check_result(row, writer.put(header, parts));
    } catch (const ProtoBaseError& error) {
      EXPECT_EQ(row.outcome, Outcome::kThrown) << error.what();
    }
    const std::uint64_t spent_ms = clock->monotonic_ns() / 1'000'000;
    EXPECT_LE(spent_ms, kTimeoutMs);
    if (row.lasts) {
      EXPECT_GT(spent_ms, kTimeoutMs / 2) << "given up early";
      EXPECT_GT(client->puts, row.tries.size());
    } else {
      EXPECT_EQ(client->puts, row.tries.size());
    }
    check_bucket(row, *bucket);
    looks_ = client->looks;
  }

  static std::size_t looks_;  ///< of the last row

 private:
  static void check_result(const Row& row, const SlotWriter::Result& result) {
    const auto outcome = result.is_stored() ? Outcome::kStored
                         : result.other     ? Outcome::kOther
                                            : Outcome::kRefused;
    EXPECT_EQ(outcome, row.outcome);
    EXPECT_EQ(result.is_in_doubt, row.is_in_doubt);
    if (result.other) {
      EXPECT_EQ(*result.other, header_of(3, 2));
    }
    if (outcome != Outcome::kRefused) return;
    try {
      std::rethrow_exception(result.refusal);
    } catch (const ProtoBaseError& error) {
      EXPECT_STREQ(error.what(), "the last answer");
    }
  }

  /// What was said is so.
  static void check_bucket(const Row& row, const MemoryBucket& bucket) {
    const auto found = bucket.find(slot_key(kNumber));
    if (row.outcome == Outcome::kStored) {
      ASSERT_TRUE(found);
      EXPECT_EQ(*found->bytes, object_of(header_of(2, 1)));
    }
    const bool may_not_look = row.look == Look::kIsRefused;
    if (row.outcome == Outcome::kRefused && !may_not_look) {
      EXPECT_FALSE(found);
    }
  }
};

std::size_t SlotWriterTest::looks_ = 0;

using enum Effect;

TEST_F(SlotWriterTest, Stored) {
  check({"stored", {{kOurs, stored}}, Outcome::kStored});
  EXPECT_EQ(looks_, 0u) << "a commit is one request";
}

TEST_F(SlotWriterTest, Exists) {
  check({"ours, sent twice on its way", {{kOurs, exists}}, Outcome::kStored});
  check({"a higher epoch's", {{kAnothers, exists}}, Outcome::kOther});
  EXPECT_EQ(looks_, 1u);
  check({"may not be read", {{kOurs, exists}}, Outcome::kThrown, false, Look::kIsRefused});
  check({"may not be read, though another's",
         {{kAnothers, exists}},
         Outcome::kThrown,
         false,
         Look::kIsRefused});
  check({"is damaged", {{kDamage, exists}}, Outcome::kThrown});
  check({"looking fails once",
         {{kOurs, exists}, {kNone, exists}},
         Outcome::kStored,
         false,
         Look::kFailsOnce});
  check({"is not there", {{kNone, exists}}, Outcome::kThrown, false, Look::kIsAnswered, true});
  check({"is not there yet", {{kNone, exists}, {kOurs, stored}}, Outcome::kStored});
}

TEST_F(SlotWriterTest, NotNow) {
  for (const int status : {409, 429, 503}) {
    SCOPED_TRACE(status);
    const Answer busy = failed(CloudFailure::kNotNow, status);
    check({"then stored", {{kNone, busy}, {kNone, busy}, {kOurs, stored}}, Outcome::kStored});
    EXPECT_EQ(looks_, 0u);
    check({"took effect, then exists", {{kOurs, busy}, {kNone, exists}}, Outcome::kStored});
    check({"took effect, time is up",
           {{kOurs, busy}},
           Outcome::kStored,
           false,
           Look::kIsAnswered,
           true});
    check({"time is up", {{kNone, busy}}, Outcome::kRefused, true, Look::kIsAnswered, true});
    EXPECT_EQ(looks_, 1u) << "after the last try it is looked for";
    check(
        {"time is up, no look", {{kNone, busy}}, Outcome::kThrown, false, Look::kIsRefused, true});
    check({"then another's", {{kNone, busy}, {kAnothers, exists}}, Outcome::kOther, true});
  }
}

TEST_F(SlotWriterTest, NoConnection) {
  const Answer not_sent = failed(CloudFailure::kNotSent, 0);
  check({"then stored", {{kNone, not_sent}, {kOurs, stored}}, Outcome::kStored});
  check({"then another's", {{kNone, not_sent}, {kAnothers, exists}}, Outcome::kOther});
  check({"time is up", {{kNone, not_sent}}, Outcome::kRefused, false, Look::kIsAnswered, true});
  EXPECT_EQ(looks_, 0u) << "there is nothing to look for";
}

TEST_F(SlotWriterTest, NoUsableAnswer) {
  for (const int status : {500, 502, 504, 0}) {
    SCOPED_TRACE(status);
    const Answer lost = failed(CloudFailure::kUnknown, status);
    check({"then stored", {{kNone, lost}, {kOurs, stored}}, Outcome::kStored});
    check({"took effect, then exists", {{kOurs, lost}, {kNone, exists}}, Outcome::kStored});
    check({"then another's", {{kNone, lost}, {kAnothers, exists}}, Outcome::kOther, true});
    check({"time is up", {{kNone, lost}}, Outcome::kThrown, false, Look::kIsAnswered, true});
    for (const CloudFailure later : {CloudFailure::kNotSent, CloudFailure::kNotNow}) {
      check({"then others until time is up",
             {{kNone, lost}, {kNone, failed(later, 0)}},
             Outcome::kThrown,
             false,
             Look::kIsAnswered,
             true});
    }
  }
}

TEST_F(SlotWriterTest, Refused) {
  const Answer busy = failed(CloudFailure::kNotNow, 503), lost = failed(CloudFailure::kUnknown, 0);
  for (const Answer& no :
       {failed(CloudFailure::kRefused, 400), Answer(not_authorized), Answer(no_bucket)}) {
    check({"once", {{kNone, no}}, Outcome::kRefused});
    EXPECT_EQ(looks_, 1u);
    check({"though it took effect", {{kOurs, no}}, Outcome::kStored});
    check({"another's is there", {{kAnothers, no}}, Outcome::kOther});
    check({"no look", {{kNone, no}}, Outcome::kRefused, false, Look::kIsRefused});
    check({"after not now", {{kNone, busy}, {kNone, no}}, Outcome::kRefused, true});
    check({"after not now, no look",
           {{kNone, busy}, {kNone, no}},
           Outcome::kThrown,
           false,
           Look::kIsRefused});
    check({"after not now that took effect", {{kOurs, busy}, {kNone, no}}, Outcome::kStored});
    check({"after no usable answer", {{kNone, lost}, {kNone, no}}, Outcome::kThrown});
  }
}

}  // namespace
}  // namespace protobase::cloud
