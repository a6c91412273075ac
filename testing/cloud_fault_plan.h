// What goes wrong between clients and their bucket, drawn from a seed or set for one call. One plan
// serves all the clients of a bucket (testing/cloud_fault_client.h), because a request that is
// delayed takes effect while others go on.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace protobase::testing {

enum class CloudCall { kGet, kPut, kHead, kList, kRemove };

enum class CloudFault {
  kNotSent,               ///< no effect; kNotSent
  kLostRequest,           ///< no effect; kUnknown
  kLostAnswer,            ///< took effect; kUnknown
  kDelayed,               ///< put, remove: kUnknown, takes effect some calls later
  kDuplicated,            ///< put, remove: takes effect, is answered, and comes once more later
  kInternalError,         ///< 500, no effect; kUnknown
  kInternalErrorApplied,  ///< 500, took effect; kUnknown
  kUnavailable,           ///< 503, no effect; kNotNow
  kThrottled,             ///< 429, no effect; kNotNow
  kConflict,              ///< put: 409, no effect; kNotNow
  kExpiredCredentials,    ///< no effect; NotAuthorizedError
  kShortBody,             ///< get: the bytes are cut, and nothing says so
  kCorruptBody,           ///< get: one bit is turned
  // What the contract of CloudStorageClient rules out, but some server may do all the same:
  kUnavailableApplied,  ///< 503, took effect; kNotNow
  kThrottledApplied,    ///< 429, took effect; kNotNow
  kConflictApplied,     ///< put: 409, took effect; kNotNow
  kExistsApplied,       ///< put: took effect, and is answered as if another one was there before
  kStaleList,           ///< list: without what was put last
};
inline constexpr std::size_t kCloudFaults = static_cast<std::size_t>(CloudFault::kStaleList) + 1;

std::string_view to_text(CloudFault fault) noexcept;

/// When a fault strikes: at calls that it fits, are of `only`, and have a key (list: a prefix) that
/// begins with `key_prefix`.
struct CloudFaultRule {
  CloudFault fault = CloudFault::kLostAnswer;
  double probability = 0;     ///< of each of these calls
  std::uint64_t at_call = 0;  ///< if not 0: the n-th of these calls, from 1, and no other
  std::optional<CloudCall> only{};
  std::string key_prefix{};
  /// kDelayed, kDuplicated: takes effect before the d-th next call of anyone, d from 1 to this.
  /// kStaleList: that many of the last puts are left out.
  unsigned span = 4;
};

/// Thread-safe. Draws are the same for the same seed and the same order of calls.
class CloudFaultPlan final {
 public:
  explicit CloudFaultPlan(std::uint64_t seed) : seed_(seed), draws_(seed) {}
  CloudFaultPlan(const CloudFaultPlan&) = delete;
  CloudFaultPlan& operator=(const CloudFaultPlan&) = delete;

  /// The first rule that strikes a call decides.
  void add(CloudFaultRule rule);
  /// No more faults; what is delayed stays so.
  void clear();

  /// Lets everything that is delayed happen now, in the order of its time.
  void settle();
  std::size_t delayed() const;

  /// How often a fault was seen by a caller or changed what happened.
  std::uint64_t hits(CloudFault fault) const;
  std::uint64_t hits() const;
  /// Delayed and duplicated requests that came to the bucket in the end; whether they had an effect
  /// there is for their conditions to decide.
  std::uint64_t arrived() const;
  /// "seed 7: lost answer 3, delayed 1", for messages.
  std::string report() const;

  // For CloudFaultClient.

  struct Drawn {
    CloudFault fault;
    unsigned span;
  };
  /// A call begins: what is due of the delayed happens first.
  std::optional<Drawn> begin(CloudCall call, const std::string& key);
  void count_hit(CloudFault fault);
  /// `request` runs in the d-th next call of anyone, d drawn from 1 to `span`.
  void delay(std::function<void()> request, unsigned span);
  void note_put(const std::string& key);
  std::vector<std::string> last_puts(unsigned count) const;
  /// Below `limit`.
  std::uint64_t draw(std::uint64_t limit);

 private:
  struct Rule {
    CloudFaultRule rule;
    std::uint64_t calls = 0;  ///< that it fits
  };
  struct Delayed {
    std::uint64_t at_call;
    std::function<void()> request;
  };

  bool strikes(Rule& rule, CloudCall call, const std::string& key);
  void run_due(std::uint64_t until_call);

  const std::uint64_t seed_;
  mutable std::mutex mutex_;
  std::mt19937_64 draws_;
  std::vector<Rule> rules_;
  std::vector<Delayed> delayed_;
  std::vector<std::string> puts_;
  std::uint64_t calls_ = 0;
  std::uint64_t arrived_ = 0;
  std::array<std::uint64_t, kCloudFaults> hits_{};
};

}  // namespace protobase::testing
