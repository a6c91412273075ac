// A merge that is stopped in its midst, as that of a process which closes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "cloud/commit_log.h"
#include "cloud/merger.h"
#include "os/random.h"
#include "testing/cloud_fault_client.h"

namespace protobase::testing {

/// Stopped when `segments` were put; those under way are ended. nullopt: another merge was faster.
/// `client` is new: it gets a hook.
inline std::optional<CloudMergeReport> merge_and_stop(
    const std::shared_ptr<CloudFaultClient>& client, std::shared_ptr<os::Clock> clock,
    std::uint64_t segments, unsigned workers) {
  std::stop_source stop;
  std::atomic<std::uint64_t> done = 0;
  client->set_after([&](CloudCall call, const std::string& key) {
    if (call == CloudCall::kPut && key.starts_with("segments/") && ++done >= segments)
      stop.request_stop();
  });
  engine::WorkerPool pool(workers);
  const cloud::Bucket bucket(client, {std::move(clock), os::system_random(), 1'000});
  cloud::CommitLog log(bucket, pool, [](const auto&...) {});
  log.open();
  return cloud::Merger(log, bucket, pool).run(stop.get_token());
}

}  // namespace protobase::testing
