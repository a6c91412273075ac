// A client of a bucket whose requests go wrong as a CloudFaultPlan says: lost, delayed, doubled,
// answered with an error. Every fault is counted by the plan, so that a test can see it was hit.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "protobase/cloud_storage_client.h"
#include "testing/cloud_fault_plan.h"

namespace protobase::testing {

/// Thread-safe. counts() are those of `base`: requests that came to the bucket.
class CloudFaultClient final : public CloudStorageClient {
 public:
  CloudFaultClient(std::shared_ptr<CloudStorageClient> base, std::shared_ptr<CloudFaultPlan> plan)
      : base_(std::move(base)), plan_(std::move(plan)) {}

  CloudGetResult get(const std::string& key, const CloudGetOptions& options = {},
                     const std::string& known_version = {}) override;
  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition) override;
  std::optional<CloudObjectMetadata> head(const std::string& key) override;
  CloudListPage list(const std::string& prefix, const std::string& start_after,
                     unsigned max_keys) override;
  void remove(std::span<const std::string> keys) override;
  CloudRequestCounts counts() const override { return base_->counts(); }
  std::string location() const override { return base_->location(); }

  /// The machine loses its network (true): every call is kNotSent. What is delayed still arrives.
  void cut_off(bool is_cut_off) { is_cut_off_ = is_cut_off; }

  using Hook = std::function<void(CloudCall call, const std::string& key)>;
  /// Runs before a call has done anything, and after it took effect, before its answer or error is
  /// seen: to pause, to let another writer run, to die by an exception. Set before the first call.
  void set_before(Hook hook) { before_ = std::move(hook); }
  void set_after(Hook hook) { after_ = std::move(hook); }

 private:
  template <typename Request>
  auto disturb(CloudCall call, const std::string& key, const Request& request,
               const std::function<std::function<void()>()>& copy = {});
  [[noreturn]] void fail(CloudFault fault, CloudCall call, const std::string& key) const;
  void damage(CloudFault fault, CloudGetResult& result);

  const std::shared_ptr<CloudStorageClient> base_;
  const std::shared_ptr<CloudFaultPlan> plan_;
  std::atomic<bool> is_cut_off_{false};
  Hook before_;
  Hook after_;
};

}  // namespace protobase::testing
