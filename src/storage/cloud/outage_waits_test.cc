// How long calls that need many objects wait when the network is gone: as one request does, not as
// long for each of them.
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "protobase/errors.h"
#include "testing/cloud_machines.h"

namespace protobase {
namespace {

using testing::CloudCall;

class OutageWaitsTest : public testing::CloudMachinesTest {
 protected:
  /// One request at a time: what more of them would wait is added up by the manual clock.
  CloudStorageOptions one_by_one() const {
    CloudStorageOptions options = cloud();
    options.max_parallel_requests = 1;
    return options;
  }
  /// Their slots stay behind the checkpoint.
  void push_by_killed_processes(int count) {
    for (int i = 0; i < count; ++i) {
      Machine machine = open();
      pushed_.push_back(commit(machine, "process " + std::to_string(i)));
      kill(machine);
    }
  }
  /// The network of `client` goes away before it reads its fifth slot.
  static void cut_off_at_the_fifth(const std::shared_ptr<testing::CloudFaultClient>& client) {
    client->set_before([slots = std::make_shared<std::atomic<int>>(0), &client = *client](
                           CloudCall call, const std::string& key) {
      if (call == CloudCall::kGet && key.starts_with("log/") && ++*slots == 5) client.cut_off(true);
    });
  }
  template <typename Call>
  void expect_given_up_in_time(const Call& call, unsigned threads = 1) {
    const std::uint64_t before = clock_->monotonic_ns();
    EXPECT_THROW(call(), CloudStorageError);
    const std::uint64_t waited_ms = (clock_->monotonic_ns() - before) / 1'000'000;
    const std::uint64_t timeout_ms = cloud().commit_timeout_ms;
    EXPECT_GT(waited_ms, timeout_ms / 2) << "the outage was not tried through";
    // What another thread began before the first one gave up has a time of its own.
    EXPECT_LE(waited_ms, threads * timeout_ms);
  }

  std::vector<AtomPointer> pushed_;
};

TEST_F(OutageWaitsTest, AMergeOfManyWALsIsGivenUpAfterOneTimeout) {
  push_by_killed_processes(100);
  const Machine merging = open(one_by_one());
  cut_off_at_the_fifth(merging.client);
  expect_given_up_in_time([&] { merging->merge(); });
  merging.client->cut_off(false);
  EXPECT_EQ(merging->merge().slots, 100u) << "nothing is lost by that";
}

TEST_F(OutageWaitsTest, AnOpeningWithManySlotsToReadIsGivenUpAfterOneTimeout) {
  push_by_killed_processes(100);
  const auto client = new_client();
  cut_off_at_the_fifth(client);
  expect_given_up_in_time([&] { CloudFileStorage(client, one_by_one(), without_caches()); });
  client->cut_off(false);
  EXPECT_EQ(CloudFileStorage(client, one_by_one()).read_current_root(), pushed_.back());
}

TEST_F(OutageWaitsTest, AReadOfManyAtomsIsGivenUpAfterOneTimeout) {
  push_by_killed_processes(100);
  open()->merge();  // so that opening reads none of them
  StorageOptions one_worker = without_caches();
  one_worker.max_workers = 1;  // and the calling thread
  const auto client = new_client();
  CloudFileStorage reader(client, one_by_one(), one_worker);
  client->cut_off(true);
  expect_given_up_in_time([&] { reader.get_bytes_many(pushed_); }, 2);
  client->cut_off(false);
  EXPECT_EQ(reader.get_bytes_many(pushed_).size(), pushed_.size());
}

}  // namespace
}  // namespace protobase
