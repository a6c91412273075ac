#include "cloud/bucket.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "cloud/commit_log.h"
#include "cloud/log_checkpoint.h"
#include "cloud/memory_bucket.h"
#include "engine/worker_pool.h"
#include "protobase/mock_s3_client.h"
#include "testing/expect_error.h"
#include "testing/forwarding_cloud_client.h"
#include "testing/manual_clock.h"

namespace protobase::cloud {
namespace {

using testing::expect_error;

/// Says that there is more, and gives nothing or the same again.
class EndlessClient final : public testing::ForwardingCloudClient {
 public:
  explicit EndlessClient(std::vector<CloudObjectMetadata> page, Bytes content = {})
      : ForwardingCloudClient(std::make_shared<MockS3Client>()),
        page_(std::move(page)),
        content_(std::move(content)) {}

  CloudListPage list(const std::string&, const std::string&, unsigned) override {
    return {page_, true};
  }
  CloudGetResult get(const std::string&, const CloudGetOptions&, const std::string&) override {
    return {CloudGetStatus::kFound, {{}, SharedBytes::copy_of(content_)}};
  }
  std::string location() const override { return "s3://endless"; }

 private:
  const std::vector<CloudObjectMetadata> page_;
  const Bytes content_;  ///< of every object
};

class BucketTest : public ::testing::Test {
 protected:
  Bucket bucket(std::shared_ptr<CloudStorageClient> client) const {
    return {std::move(client), {clock_, os::system_random(), kTimeoutMs}};
  }
  std::vector<std::string> keys(const std::shared_ptr<CloudStorageClient>& client,
                                std::size_t most) const {
    std::vector<std::string> keys;
    bucket(client).for_each("some/", [&](const CloudObjectMetadata& object) {
      keys.push_back(object.key);
      return keys.size() < most;
    });
    return keys;
  }

  static constexpr std::uint64_t kTimeoutMs = 10'000;
  const std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
};

TEST_F(BucketTest, EveryObjectIsVisitedInOrderUntilItIsEnough) {
  const auto bucket = std::make_shared<MemoryBucket>();
  bucket->put("before", {});
  bucket->put("some0", {});  // behind all
  std::vector<std::string> expected;
  for (int i = 0; i < 2000; ++i) {  // ends with a page
    expected.push_back(fmt::format("some/{:04}", i));
    bucket->put(expected.back(), {});
  }
  const auto client = std::make_shared<MockS3Client>(bucket);
  EXPECT_EQ(keys(client, 9999), expected);
  EXPECT_EQ(client->counts().lists, 2u);
  expected.resize(7);
  EXPECT_EQ(keys(client, 7), expected);
  EXPECT_EQ(client->counts().lists, 3u);
  const auto empty = std::make_shared<MockS3Client>();
  EXPECT_TRUE(keys(empty, 1).empty());
}

TEST_F(BucketTest, AListingThatLeadsNowhereIsAnError) {
  const auto without_objects = std::make_shared<EndlessClient>(std::vector<CloudObjectMetadata>());
  expect_error<CloudStorageError>([&] { keys(without_objects, 9999); }, {"endless", "some/"});
  CloudObjectMetadata again;
  again.key = "some/again";
  const auto repeating = std::make_shared<EndlessClient>(std::vector{again});
  expect_error<CloudStorageError>([&] { keys(repeating, 9999); }, {"endless", "some/"});
}

/// Opening went from page to page for ever when what was listed was no slot.
TEST_F(BucketTest, OpeningALogEndsWhereItsListingLeadsNowhere) {
  CloudObjectMetadata stray;
  stray.key = "log/0-stray";
  const auto client = std::make_shared<EndlessClient>(std::vector{stray}, write_checkpoint({}));
  engine::WorkerPool pool(0);
  CommitLog log(bucket(client), pool, [](const auto&...) {});
  expect_error<CloudStorageError>([&] { log.open(); }, {"endless", "log/"});
}

}  // namespace
}  // namespace protobase::cloud
