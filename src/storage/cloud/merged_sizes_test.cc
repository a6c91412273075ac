// How large the segments are that a merge makes.
#include <algorithm>
#include <string>
#include <vector>

#include "cloud/slot.h"
#include "protobase/mock_google_cloud_client.h"
#include "testing/cloud_machines.h"
#include "testing/expect_error.h"

namespace protobase {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

class MergedSizesTest : public testing::CloudMachinesTest {
 protected:
  std::vector<std::uint64_t> merged_sizes() const {
    std::vector<std::uint64_t> sizes;
    for (const auto& [key, object] : bucket_->list("segments/", {}, 1000)) {
      if (cloud::parse_segment_key(key)->id.is_nil()) sizes.push_back(object.bytes->size());
    }
    return sizes;
  }
};

TEST_F(MergedSizesTest, NoSegmentOfAMergeIsLongerThanTheFormatSays) {
  CloudStorageOptions options = cloud();
  options.object_size = 64 * kMiB;
  options.merge_after_slots = 0;
  std::vector<AtomPointer> pushed;
  {
    const Machine writer = open(options);
    for (const std::uint64_t size : {31, 60, 1, 1, 31, 10, 25, 1}) {
      pushed.push_back(
          commit(writer, std::string(size * kMiB, static_cast<char>('a' + size % 26))));
    }
    ASSERT_TRUE(merged_sizes().empty());
    writer->merge();
  }
  const auto sizes = merged_sizes();
  ASSERT_GT(sizes.size(), 2u);
  EXPECT_LE(std::ranges::max(sizes), 64 * kMiB);
  EXPECT_LT(sizes.size(), 8u) << "small ones still go together";
  const Machine reader = open();
  for (const AtomPointer& pointer : pushed) EXPECT_GE(get(reader, pointer).size(), kMiB);
}

/// What `stat` makes a price of. A page in front of the first record, as a file has it, there is
/// none.
TEST_F(MergedSizesTest, AWALIsToldToTakeWhatItsObjectsTake) {
  constexpr std::uint64_t kCommits = 20;
  const Machine writer = open();
  const auto stored = [&] { return writer->list_wals().front().stored_bytes; };
  const auto in_bucket = [&] {
    std::uint64_t bytes = 0;
    for (const auto& [key, object] : bucket_->list({}, {}, 1000)) {
      const std::uint64_t size = object.bytes->size();
      if (key.starts_with("segments/") ||
          (key.starts_with("log/") && size > cloud::kSlotHeaderSize))
        bytes += size;
    }
    return bytes;
  };
  for (std::uint64_t i = 0; i < kCommits; ++i) commit(writer, "one of some");
  EXPECT_LE(stored(), in_bucket());
  EXPECT_GE(stored() + kCommits, in_bucket()) << "a slot may have a byte more";
  writer->merge();
  EXPECT_LE(stored(), in_bucket());
  EXPECT_GE(stored() + 1 + cloud::kSlotHeaderSize + 4096, in_bucket()) << "the newest slot stays";
}

/// The checkpoint is put by somebody else each time that the merge would put its own.
TEST_F(MergedSizesTest, AMergeThatNeverGetsToItsCheckpointSaysSo) {
  const auto google = std::make_shared<testing::CloudFaultClient>(
      std::make_shared<MockGoogleCloudClient>(bucket_), plan_);
  CloudStorageOptions options = cloud();
  options.merge_after_slots = 0;
  CloudFileStorage writer(google, options);
  const AtomPointer root = writer.push_bytes(as_bytes(std::string("kept")));
  writer.set_current_root(root);
  bool is_disturbed = true;
  google->set_before([&](testing::CloudCall call, const std::string& key) {
    if (call != testing::CloudCall::kPut || key != "checkpoint" || !is_disturbed) return;
    bucket_->put("checkpoint", *bucket_->find("checkpoint")->bytes);  // of another generation
  });
  testing::expect_error<CloudStorageError>([&] { writer.merge(); }, {"checkpoint", "nothing was"});
  is_disturbed = false;
  EXPECT_EQ(writer.merge().slots, 1u);
  EXPECT_EQ(writer.get_bytes(root).as_text(), "kept");
}

}  // namespace
}  // namespace protobase
