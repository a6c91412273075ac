#include "cloud/damaged_bucket.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "protobase/errors.h"

namespace protobase::cloud {

CloudGetResult DamagedBucket::get(const std::string& key, const CloudGetOptions& options) {
  {
    const std::lock_guard lock(mutex_);
    if (end_) std::rethrow_exception(end_);  // each request would wait its time for the same
    if (refusals_.contains(key)) return {};
  }
  Failure failure;
  if (auto got = try_get(key, options, failure)) return *std::move(got);
  expect_answers(failure);
  // What was refused once may be given the next time, as rights and clocks are put right.
  if (failure.was_patient) return refuse(key, failure);
  if (auto got = try_get(key, options, failure)) return *std::move(got);
  return refuse(key, failure);
}

std::optional<CloudObjectMetadata> DamagedBucket::head(const std::string& key) {
  bool is_refused = false;
  {
    const std::lock_guard lock(mutex_);
    if (end_) std::rethrow_exception(end_);
    is_refused = heads_refused_.contains(key);
  }
  if (is_refused) return find_listed(key);
  Failure failure;
  const auto answer = attempt([&] { return bucket_.client().head(key); }, failure);
  if (answer) return *answer;
  expect_answers(failure);
  {
    const std::lock_guard lock(mutex_);
    heads_refused_.insert(key);
  }
  return find_listed(key);
}

std::optional<CloudObjectMetadata> DamagedBucket::find_listed(const std::string& key) const {
  const CloudListPage page = bucket_.list(key, {}, 1);
  if (page.objects.empty() || page.objects.front().key != key) return std::nullopt;
  return page.objects.front();
}

/// nullopt: refused, or no answer.
template <typename Request>
auto DamagedBucket::attempt(const Request& request, Failure& failure)
    -> std::optional<decltype(request())> {
  const RetryParts parts = patience();
  int tries = 0;
  try {
    auto answer = with_retries(parts, [&] { return ++tries, request(); });
    if (tries > 1) note_waiting(true);
    return answer;
  } catch (const NotAuthorizedError& error) {
    failure = {std::current_exception(), error.what()};
  } catch (const CloudStorageError& error) {
    failure = {std::current_exception(), error.what(), error.failure() != CloudFailure::kNotSent,
               error.may_retry()};
    if (error.may_retry()) note_waiting(false);
  }
  return std::nullopt;
}

RetryParts DamagedBucket::patience() const {
  RetryParts parts = bucket_.retry_parts();
  const std::lock_guard lock(mutex_);
  parts.timeout_ms >>= halvings_;
  return parts;
}

void DamagedBucket::note_waiting(bool has_helped) {
  const std::lock_guard lock(mutex_);
  halvings_ = has_helped ? 0 : std::min(halvings_ + 1, kMaxHalvings);
}

std::optional<CloudGetResult> DamagedBucket::try_get(const std::string& key,
                                                     const CloudGetOptions& options,
                                                     Failure& failure) {
  auto got = attempt([&] { return bucket_.client().get(key, options); }, failure);
  const std::lock_guard lock(mutex_);
  if (got && got->status == CloudGetStatus::kFound) {
    given_key_ = key;
    has_given_ = true;
    vain_waits_ = 0;
  }
  return got;
}

/// Throws when this is no matter of one object.
void DamagedBucket::expect_answers(const Failure& failure) {
  try {
    if (!failure.may_be_of_object) std::rethrow_exception(failure.error);
    bucket_.list({}, {}, 1);
  } catch (const ProtoBaseError&) {
    const std::lock_guard lock(mutex_);
    if (!end_) end_ = std::current_exception();
    throw;
  }
}

CloudGetResult DamagedBucket::refuse(const std::string& key, const Failure& failure) {
  {
    const std::lock_guard lock(mutex_);
    if (!first_refusal_) first_refusal_ = failure.error;
    if (failure.was_patient) ++vain_waits_;
    refusals_.emplace(key, fmt::format("object {} is not given: {}", key, failure.what));
    if (vain_waits_ < kMaxWaitsForNothing) return {};
    vain_waits_ = 0;
  }
  expect_given_again();
  return {};
}

/// Throws when the store does not even give what it gave before: then it gives nothing now, and
/// what it refused says nothing of these objects.
void DamagedBucket::expect_given_again() {
  std::string given;
  {
    const std::lock_guard lock(mutex_);
    given = given_key_;
  }
  CloudGetOptions byte;
  byte.range = CloudRange{0, 1};
  Failure failure;
  const auto again = given.empty()
                         ? std::nullopt
                         : attempt([&] { return bucket_.client().get(given, byte); }, failure);
  if (again && again->status == CloudGetStatus::kFound) return;
  const std::lock_guard lock(mutex_);
  if (again && given_key_ == given) given_key_.clear();  // merged away: the next one will tell
  if (again) return;
  if (!end_) end_ = failure.error ? failure.error : first_refusal_;
  std::rethrow_exception(end_);
}

std::string DamagedBucket::refusal_of(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = refusals_.find(key);
  return found == refusals_.end() ? std::string() : found->second;
}

void DamagedBucket::expect_any_given() const {
  const std::lock_guard lock(mutex_);
  if (first_refusal_ && !has_given_) std::rethrow_exception(first_refusal_);
}

}  // namespace protobase::cloud
