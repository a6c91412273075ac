#include "cloud/damaged_bucket.h"

#include <fmt/format.h>

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

std::optional<CloudGetResult> DamagedBucket::try_get(const std::string& key,
                                                     const CloudGetOptions& options,
                                                     Failure& failure) {
  try {
    CloudGetResult got = with_retries(retry_parts_, [&] { return client_.get(key, options); });
    const std::lock_guard lock(mutex_);
    was_any_given_ |= got.status == CloudGetStatus::kFound;
    return got;
  } catch (const NotAuthorizedError& error) {
    failure = {std::current_exception(), error.what()};
  } catch (const CloudStorageError& error) {
    failure = {std::current_exception(), error.what(), error.failure() != CloudFailure::kNotSent,
               error.may_retry()};
  }
  return std::nullopt;
}

/// Throws when this is no matter of one object.
void DamagedBucket::expect_answers(const Failure& failure) {
  try {
    if (!failure.may_be_of_object) std::rethrow_exception(failure.error);
    with_retries(retry_parts_, [&] { return client_.list({}, {}, 1); });
  } catch (const ProtoBaseError&) {
    const std::lock_guard lock(mutex_);
    if (!end_) end_ = std::current_exception();
    throw;
  }
}

CloudGetResult DamagedBucket::refuse(const std::string& key, const Failure& failure) {
  const std::lock_guard lock(mutex_);
  if (!first_refusal_) first_refusal_ = failure.error;
  refusals_.emplace(key, fmt::format("object {} is not given: {}", key, failure.what));
  return {};
}

std::string DamagedBucket::refusal_of(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = refusals_.find(key);
  return found == refusals_.end() ? std::string() : found->second;
}

void DamagedBucket::expect_any_given() const {
  const std::lock_guard lock(mutex_);
  if (first_refusal_ && !was_any_given_) std::rethrow_exception(first_refusal_);
}

}  // namespace protobase::cloud
