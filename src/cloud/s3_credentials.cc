#include "cloud/s3_credentials.h"

#include <utility>

#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

// Amazon gives new ones out at least five minutes before the old ones end.
constexpr std::int64_t kRenewBeforeUs = 5 * 60 * 1'000'000LL;
// Less than this may not last for a request.
constexpr std::int64_t kNeedUs = 30 * 1'000'000LL;
// Between loads that failed, or that gave what our clock takes for expired.
constexpr std::uint64_t kPauseNs = 30 * 1'000'000'000ULL;

}  // namespace

S3CredentialsCache::S3CredentialsCache(std::vector<std::unique_ptr<S3CredentialsSource>> sources,
                                       std::shared_ptr<os::Clock> clock, Logger logger)
    : sources_(std::move(sources)), clock_(std::move(clock)), logger_(std::move(logger)) {}

S3CredentialsCache::Need S3CredentialsCache::need() const {
  if (!current_) return Need::kNow;
  if (!current_->expires_us) return Need::kNone;
  const std::int64_t left_us = *current_->expires_us - clock_->unix_us();
  if (left_us > kRenewBeforeUs || clock_->monotonic_ns() < not_before_ns_) return Need::kNone;
  return left_us > kNeedUs ? Need::kSoon : Need::kNow;
}

std::shared_ptr<const S3Credentials> S3CredentialsCache::get() {
  std::unique_lock lock(mutex_);
  const Need need = this->need();
  if (need == Need::kNone || (need == Need::kSoon && flight_)) return current_;
  return flight_ ? wait_for(lock, flight_) : load(lock);
}

bool S3CredentialsCache::renew(const std::shared_ptr<const S3Credentials>& used) {
  std::unique_lock lock(mutex_);
  if (current_ != used) return true;
  const auto now = flight_ ? wait_for(lock, flight_) : load(lock);
  return now->keys.access_key != used->keys.access_key ||
         now->keys.session_token != used->keys.session_token ||
         now->keys.secret_key != used->keys.secret_key;
}

std::shared_ptr<const S3Credentials> S3CredentialsCache::wait_for(
    std::unique_lock<std::mutex>& lock, const std::shared_ptr<Flight>& flight) {
  const std::shared_ptr<Flight> awaited = flight;  // the member goes when it is done
  loaded_.wait(lock, [&] { return awaited->is_done; });
  if (awaited->failure) std::rethrow_exception(awaited->failure);
  return current_;
}

std::shared_ptr<const S3Credentials> S3CredentialsCache::load(std::unique_lock<std::mutex>& lock) {
  const auto flight = std::make_shared<Flight>();
  flight_ = flight;
  lock.unlock();
  std::shared_ptr<const S3Credentials> loaded;
  std::exception_ptr failure;
  std::string why;
  try {
    loaded = std::make_shared<const S3Credentials>(load_from_sources());
  } catch (const std::exception& error) {
    failure = std::current_exception();
    why = error.what();
  }
  lock.lock();
  not_before_ns_ = clock_->monotonic_ns() + kPauseNs;
  if (loaded) current_ = loaded;
  const bool still_lives =
      current_ && (!current_->expires_us || *current_->expires_us > clock_->unix_us());
  if (failure && !still_lives) flight->failure = failure;
  flight->is_done = true;
  flight_.reset();
  loaded_.notify_all();
  if (flight->failure) std::rethrow_exception(failure);
  if (!failure) return current_;
  const auto kept = current_;
  lock.unlock();
  log(LogLevel::kWarning,
      "the S3 credentials could not be renewed; the old ones still live: " + why);
  return kept;
}

S3Credentials S3CredentialsCache::load_from_sources() {
  if (source_ != nullptr) {
    if (auto again = source_->load()) return *std::move(again);
  }
  std::string looked_at;
  for (const auto& source : sources_) {
    if (auto found = source->load()) {
      source_ = source.get();
      log(LogLevel::kInfo, "S3 credentials from: " + source->name());
      return *std::move(found);
    }
    looked_at += (looked_at.empty() ? "" : ", ") + source->name();
  }
  throw NotAuthorizedError("no S3 credentials: there are none in " + looked_at +
                           "; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or access_key and "
                           "secret_key in the options");
}

void S3CredentialsCache::log(LogLevel level, const std::string& message) const {
  if (logger_) logger_(level, message);
}

}  // namespace protobase::cloud
