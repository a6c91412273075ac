#include "cloud/google_credentials.h"

#include <algorithm>
#include <utility>

#include "cloud/small_file.h"
#include "protobase/errors.h"

namespace protobase::cloud {

namespace {

constexpr std::string_view kAnonymous = "anonymous";
constexpr const char* kFileVariable = "GOOGLE_APPLICATION_CREDENTIALS";
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
// The metadata server hands out a new token when the old one has less than five minutes left; who
// asks earlier gets the same again.
constexpr std::uint64_t kRenewBeforeS = 240;
// With an old token that still lives, the next try after a failed one.
constexpr std::uint64_t kNextTryNs = 10 * kNsPerSecond;

/// For an emulator: whoever asks is nobody.
class NoTokens final : public GoogleTokenSource {
 public:
  GoogleToken fetch() override { return {"", 24 * 3600}; }
};

}  // namespace

GoogleCredentials::GoogleCredentials(GoogleCredentialsOptions options)
    : options_(std::move(options)) {}

std::string GoogleCredentials::authorization() {
  if (options_.path == kAnonymous) return "";
  std::promise<Held> promise;
  {
    std::unique_lock lock(mutex_);
    const std::uint64_t now = options_.surroundings.clock->monotonic_ns();
    const bool lives = held_ && now < held_->expires_ns;
    if (lives && (now < held_->renew_ns || flight_.valid())) return held_->header;
    if (flight_.valid()) {
      const std::shared_future<Held> flight = flight_;
      lock.unlock();
      return flight.get().header;
    }
    flight_ = promise.get_future().share();
  }
  try {
    Held fetched = fetch();
    const std::lock_guard lock(mutex_);
    held_ = fetched;
    promise.set_value(std::move(fetched));
    flight_ = {};
    return held_->header;
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    promise.set_exception(std::current_exception());
    flight_ = {};
    const std::uint64_t now = options_.surroundings.clock->monotonic_ns();
    if (!held_ || now >= held_->expires_ns) throw;
    held_->renew_ns = now + kNextTryNs;
    log(LogLevel::kWarning,
        std::string("no new token for Google Cloud Storage yet; the old one still lives: ") +
            error.what());
    return held_->header;
  }
}

bool GoogleCredentials::renew(const std::string& authorization) {
  if (authorization.empty()) return false;
  const std::lock_guard lock(mutex_);
  if (held_ && held_->header == authorization) held_.reset();
  return true;
}

GoogleCredentials::Held GoogleCredentials::fetch() {
  if (!keeps_secrets(options_.endpoint)) {
    throw NotAuthorizedError(
        "a token would be sent to " + options_.endpoint +
        " without encryption: use https, or, for an emulator, credentials_path "
        "\"anonymous\" or STORAGE_EMULATOR_HOST");
  }
  if (!source_) source_ = find_source();
  const GoogleToken token = source_->fetch();
  const std::uint64_t now = options_.surroundings.clock->monotonic_ns();
  const std::uint64_t spare_s = std::min(token.lifetime_s / 2, kRenewBeforeS);
  return {token.text.empty() ? "" : "Bearer " + token.text,
          now + (token.lifetime_s - spare_s) * kNsPerSecond, now + token.lifetime_s * kNsPerSecond};
}

std::unique_ptr<GoogleTokenSource> GoogleCredentials::find_source() const {
  if (!options_.path.empty()) return source_of_file(options_.path, "credentials_path");
  if (const auto path = options_.environment->get(kFileVariable); path && !path->empty()) {
    return source_of_file(*path, kFileVariable);
  }
  if (const auto path = well_known_file()) return source_of_file(*path, kFileVariable);
  const auto host = options_.environment->get("GCE_METADATA_HOST");
  const bool has_host = host && !host->empty();
  // Without TLS and on this machine it is no Google: fetch() lets nothing else through.
  if (!has_host && options_.endpoint.starts_with("http://")) {
    log(LogLevel::kInfo, "no credentials for " + options_.endpoint + ", an emulator: without any");
    return std::make_unique<NoTokens>();
  }
  return google_tokens_of_metadata_server(has_host ? *host : "metadata.google.internal",
                                          options_.surroundings);
}

/// `setting`: that names it, or could name another.
std::unique_ptr<GoogleTokenSource> GoogleCredentials::source_of_file(
    const std::string& path, const std::string& setting) const {
  const auto text = read_small_file(*options_.file_system, path, setting);
  if (!text) throw NotAuthorizedError("no credentials file at " + path + "; look at " + setting);
  log(LogLevel::kInfo, "Google Cloud Storage: credentials from " + path);
  return google_tokens_of_file(path, setting, *text, options_.surroundings);
}

std::optional<std::string> GoogleCredentials::well_known_file() const {
  std::string folder;
  if (const auto config = options_.environment->get("CLOUDSDK_CONFIG");
      config && !config->empty()) {
    folder = *config;
  } else if (const auto home = options_.environment->get("HOME"); home && !home->empty()) {
    folder = *home + "/.config/gcloud";
  }
  const std::string path = folder + "/application_default_credentials.json";
  const bool is_there =
      !folder.empty() && options_.file_system->kind_of(path) == os::FileKind::kRegular;
  return is_there ? std::optional(path) : std::nullopt;
}

void GoogleCredentials::log(LogLevel level, const std::string& message) const {
  if (options_.logger) options_.logger(level, message);
}

}  // namespace protobase::cloud
