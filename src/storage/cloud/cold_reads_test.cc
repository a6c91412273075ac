// What many threads ask of the bucket that read, at the same time, what no cache has yet.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <string>

#include "testing/cloud_machines.h"

namespace protobase {
namespace {

using testing::CloudCall;
using testing::CloudFault;

const std::string kAtom(200, 'c');

class ColdReadsTest : public testing::CloudMachinesTest {
 protected:
  Machine open_with_hook(const CloudStorageOptions& options, testing::CloudFaultClient::Hook hook) {
    Machine machine{new_client(), nullptr};
    machine.client->set_before(std::move(hook));
    machine.storage = std::make_unique<CloudFileStorage>(machine.client, options, without_caches());
    return machine;
  }
};

/// Its pieces are read by the threads that the look for news needs too.
TEST_F(ColdReadsTest, ALongRecordWhoseReadLooksForNewsComes) {
  Machine writer = open();
  const std::string text(20'000'000, 'H');
  const AtomPointer huge = commit(writer, text);
  commit(writer, kAtom);
  CloudStorageOptions options = cloud();
  options.max_parallel_requests = 2;
  std::latch both_here(2);  // one of the pool, and the caller
  std::atomic<int> asked{0};
  const Machine reader = open_with_hook(options, [&](CloudCall, const std::string& key) {
    if (!key.starts_with("segments/")) return;
    const int call = ++asked;  // the first brings the record's header
    if (call == 2 || call == 3) both_here.arrive_and_wait();
  });
  for (int i = 0; i < 3; ++i) {  // each takes over, so each one's newest slot is read
    kill(writer);
    writer = open();
    commit(writer, kAtom);
  }
  testing::CloudFaultRule rule;
  rule.fault = CloudFault::kShortBody;
  rule.only = CloudCall::kGet;
  rule.key_prefix = "segments/";
  for (rule.at_call = 2; rule.at_call <= 3; ++rule.at_call) plan_->add(rule);
  EXPECT_EQ(get(reader, huge), text);
  EXPECT_EQ(plan_->hits(CloudFault::kShortBody), 2u);
}

}  // namespace
}  // namespace protobase
