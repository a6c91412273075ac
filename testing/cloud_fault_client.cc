#include "testing/cloud_fault_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "protobase/errors.h"

namespace protobase::testing {

namespace {

constexpr int kNoAnswer = 0;

bool fails_before(CloudFault fault) {
  switch (fault) {
    case CloudFault::kNotSent:
    case CloudFault::kLostRequest:
    case CloudFault::kDelayed:
    case CloudFault::kInternalError:
    case CloudFault::kUnavailable:
    case CloudFault::kThrottled:
    case CloudFault::kConflict:
    case CloudFault::kExpiredCredentials: return true;
    default: return false;
  }
}

bool fails_after(CloudFault fault) {
  switch (fault) {
    case CloudFault::kLostAnswer:
    case CloudFault::kInternalErrorApplied:
    case CloudFault::kUnavailableApplied:
    case CloudFault::kThrottledApplied:
    case CloudFault::kConflictApplied: return true;
    default: return false;
  }
}

std::pair<CloudFailure, int> answer_of(CloudFault fault) {
  switch (fault) {
    case CloudFault::kNotSent: return {CloudFailure::kNotSent, kNoAnswer};
    case CloudFault::kInternalError:
    case CloudFault::kInternalErrorApplied: return {CloudFailure::kUnknown, 500};
    case CloudFault::kUnavailable:
    case CloudFault::kUnavailableApplied: return {CloudFailure::kNotNow, 503};
    case CloudFault::kThrottled:
    case CloudFault::kThrottledApplied: return {CloudFailure::kNotNow, 429};
    case CloudFault::kConflict:
    case CloudFault::kConflictApplied: return {CloudFailure::kNotNow, 409};
    default: return {CloudFailure::kUnknown, kNoAnswer};
  }
}

std::string_view name_of(CloudCall call) {
  constexpr std::string_view kCalls[] = {"get", "put", "head", "list", "delete"};
  return kCalls[static_cast<std::size_t>(call)];
}

std::vector<std::span<const std::byte>> spans_of(const std::vector<Bytes>& parts) {
  return {parts.begin(), parts.end()};
}

}  // namespace

// `copy` makes the request once more, to be run later, when all that it refers to is gone.
template <typename Request>
auto CloudFaultClient::disturb(CloudCall call, const std::string& key, const Request& request,
                               const std::function<std::function<void()>()>& copy) {
  if (before_) before_(call, key);
  if (is_cut_off_) fail(CloudFault::kNotSent, call, key);
  const auto drawn = plan_->begin(call, key);
  if (drawn && fails_before(drawn->fault)) {
    plan_->count_hit(drawn->fault);
    if (drawn->fault == CloudFault::kDelayed) plan_->delay(copy(), drawn->span);
    fail(drawn->fault, call, key);
  }
  auto result = request(drawn);
  if (drawn && drawn->fault == CloudFault::kDuplicated) {
    plan_->count_hit(drawn->fault);
    plan_->delay(copy(), drawn->span);
  }
  if (after_) after_(call, key);
  if (drawn && fails_after(drawn->fault)) {
    plan_->count_hit(drawn->fault);
    fail(drawn->fault, call, key);
  }
  return result;
}

void CloudFaultClient::fail(CloudFault fault, CloudCall call, const std::string& key) const {
  const std::string message = std::string(name_of(call)) + " " + base_->location() + ", key " +
                              key + ": injected: " + std::string(to_text(fault));
  if (fault == CloudFault::kExpiredCredentials) throw NotAuthorizedError(message);
  const auto [failure, status] = answer_of(fault);
  throw CloudStorageError(failure, status, message);
}

CloudGetResult CloudFaultClient::get(const std::string& key, const CloudGetOptions& options,
                                     const std::string& known_version) {
  return disturb(CloudCall::kGet, key, [&](const auto& drawn) {
    CloudGetResult result = base_->get(key, options, known_version);
    if (drawn && !result.object.bytes.empty()) damage(drawn->fault, result);
    return result;
  });
}

void CloudFaultClient::damage(CloudFault fault, CloudGetResult& result) {
  if (fault != CloudFault::kShortBody && fault != CloudFault::kCorruptBody) return;
  const auto whole = result.object.bytes.span();
  Bytes bytes(whole.begin(), whole.end());
  if (fault == CloudFault::kShortBody) {
    bytes.resize(plan_->draw(bytes.size()));
  } else {
    const std::uint64_t bit = plan_->draw(bytes.size() * 8);
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  result.object.bytes = SharedBytes(std::move(bytes));
  plan_->count_hit(fault);
}

CloudPutResult CloudFaultClient::put(const std::string& key,
                                     std::span<const std::span<const std::byte>> parts,
                                     const CloudPutCondition& condition) {
  const auto copy = [&]() -> std::function<void()> {
    std::vector<Bytes> bytes;
    for (const auto part : parts) bytes.emplace_back(part.begin(), part.end());
    // The plan keeps the request, so it may refer to the plan.
    return [base = base_, plan = plan_.get(), key, condition, bytes = std::move(bytes)] {
      if (base->put(key, spans_of(bytes), condition).stored) plan->note_put(key);
    };
  };
  return disturb(
      CloudCall::kPut, key,
      [&](const auto& drawn) {
        CloudPutResult result = base_->put(key, parts, condition);
        if (result.stored) plan_->note_put(key);
        const bool is_conditional = condition.kind != CloudPutCondition::Kind::kNone;
        if (drawn && drawn->fault == CloudFault::kExistsApplied && is_conditional) {
          plan_->count_hit(drawn->fault);
          result = {};
        }
        return result;
      },
      copy);
}

std::optional<CloudObjectMetadata> CloudFaultClient::head(const std::string& key) {
  return disturb(CloudCall::kHead, key, [&](const auto&) { return base_->head(key); });
}

CloudListPage CloudFaultClient::list(const std::string& prefix, const std::string& start_after,
                                     unsigned max_keys) {
  return disturb(CloudCall::kList, prefix, [&](const auto& drawn) {
    CloudListPage page = base_->list(prefix, start_after, max_keys);
    if (drawn && drawn->fault == CloudFault::kStaleList) {
      const auto unseen = plan_->last_puts(drawn->span);
      const auto is_unseen = [&](const CloudObjectMetadata& object) {
        return std::find(unseen.begin(), unseen.end(), object.key) != unseen.end();
      };
      if (std::erase_if(page.objects, is_unseen) > 0) plan_->count_hit(drawn->fault);
    }
    return page;
  });
}

void CloudFaultClient::remove(std::span<const std::string> keys) {
  const auto copy = [&]() -> std::function<void()> {
    return [base = base_, own = std::vector<std::string>(keys.begin(), keys.end())] {
      base->remove(own);
    };
  };
  const auto request = [&](const auto&) {
    base_->remove(keys);
    return true;
  };
  disturb(CloudCall::kRemove, keys.empty() ? "" : keys.front(), request, copy);
}

}  // namespace protobase::testing
