// One cache directory and several stores: what one store had at an address is never given as what
// another has there.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "cloud/memory_bucket.h"
#include "protobase/cloud_copy.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/mock_s3_client.h"
#include "protobase/standalone_file_storage.h"
#include "testing/manual_clock.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

using cloud::MemoryBucket;

class CachedStoresTest : public ::testing::Test {
 protected:
  /// A bucket with a copy of the directory.
  std::shared_ptr<MemoryBucket> copy_of(const std::string& directory) const {
    auto bucket = std::make_shared<MemoryBucket>("mock", clock_);
    CloudCopyOptions options;
    options.clock = clock_;
    copy_space({directory, nullptr}, {{}, std::make_shared<MockS3Client>(bucket)}, options);
    return bucket;
  }
  std::string get(const std::shared_ptr<MemoryBucket>& bucket, const AtomPointer& pointer) const {
    CloudStorageOptions options;
    options.access = SpaceAccess::kReadOnly;
    options.cache_dir = place_.at("cache");
    options.clock = clock_;
    CloudFileStorage storage(std::make_shared<MockS3Client>(bucket), options);
    return std::string(storage.get_bytes(pointer).as_text());
  }
  static AtomPointer push(const std::string& directory, const std::string& text) {
    StandaloneFileStorage storage(directory);
    const AtomPointer pointer = storage.push_bytes(as_bytes(text));
    storage.set_current_root(pointer);
    return pointer;
  }

  const testing::TemporaryDirectory place_;
  const std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
};

TEST_F(CachedStoresTest, CopiesThatWentOnApartAreKeptApart) {
  push(place_.at("a"), "common");
  std::filesystem::copy(place_.at("a"), place_.at("b"));
  const AtomPointer in_a = push(place_.at("a"), "AAAA");
  const AtomPointer in_b = push(place_.at("b"), "BBBB");
  ASSERT_EQ(in_a, in_b) << "the same WAL went on in both";
  const auto a = copy_of(place_.at("a")), b = copy_of(place_.at("b"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(get(a, in_a), "AAAA");
    EXPECT_EQ(get(b, in_b), "BBBB");
  }
}

}  // namespace
}  // namespace protobase
