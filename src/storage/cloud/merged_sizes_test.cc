// How large the segments are that a merge makes.
#include <algorithm>
#include <string>
#include <vector>

#include "cloud/slot.h"
#include "testing/cloud_machines.h"

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

}  // namespace
}  // namespace protobase
