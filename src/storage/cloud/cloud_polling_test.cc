// What a reader asks a bucket for news of, and by how many requests.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>

#include "testing/cloud_machines.h"

namespace protobase {
namespace {

class CloudPollingTest : public testing::CloudMachinesTest {};

TEST_F(CloudPollingTest, NewsIsOneGetForEachSlotAndAListingWhenThereAreMany) {
  const Machine writer = open();
  commit(writer, "first");
  CloudStorageOptions options = cloud();
  options.poll_interval_ms = 0;
  const Machine reader = open(options);
  const auto look = [&] {
    const auto before = reader.client->counts();
    reader->read_current_root();  // one of two looks for the checkpoint
    reader->read_current_root();
    const auto after = reader.client->counts();
    return std::pair(after.gets - before.gets, after.lists - before.lists);
  };
  using Requests = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(look(), Requests(2, 0)) << "nothing new";
  const AtomPointer large = commit(writer, std::string(200'000, 'x'));
  EXPECT_EQ(look(), Requests(3, 0)) << "a slot, and none behind it";
  EXPECT_EQ(reader->read_current_root(), large);
  reader->read_current_root();
  for (int i = 0; i < 20; ++i) commit(writer, "many");
  const AtomPointer last = commit(writer, "the last of many");
  EXPECT_EQ(look(), Requests(1 + 8 + 1, 1)) << "eight one by one, the newest behind the listing";
  EXPECT_EQ(reader->read_current_root(), last);
  reader->read_current_root();
  const Machine other = open();
  const AtomPointer taken_over = commit(other, "of another writer");
  look();
  EXPECT_EQ(reader->read_current_root(), taken_over);
  EXPECT_EQ(get(reader, large), std::string(200'000, 'x'));
  EXPECT_EQ(reader->verify({}).bad_places, 0u);
}

}  // namespace
}  // namespace protobase
