// See waiting_client.h.
#include "cli/waiting_client.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>

#include "cli/text.h"

namespace protobase::cli {
namespace {

/// Of the terminal, less one: a full line would wrap, and only its last part be taken off again.
std::size_t columns() {
  winsize size{};
  const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return is_known ? size.ws_col - 1u : 79;
}

/// What it is in few words; the error that ends the command has all of them.
std::string in_short(const CloudStorageError& error) {
  if (error.http_status() != 0) return fmt::format("it answers HTTP {}", error.http_status());
  return error.failure() == CloudFailure::kNotSent ? "it cannot be reached"
                                                   : "it gives no usable answer";
}

class WaitingClient final : public CloudStorageClient {
 public:
  explicit WaitingClient(std::shared_ptr<CloudStorageClient> inner) : inner_(std::move(inner)) {}
  ~WaitingClient() override { take_off(); }
  WaitingClient(const WaitingClient&) = delete;
  WaitingClient& operator=(const WaitingClient&) = delete;

  CloudGetResult get(const std::string& key, const CloudGetOptions& options,
                     const std::string& known_version) override {
    return watch([&] { return inner_->get(key, options, known_version); });
  }
  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition) override {
    return watch([&] { return inner_->put(key, parts, condition); });
  }
  std::optional<CloudObjectMetadata> head(const std::string& key) override {
    return watch([&] { return inner_->head(key); });
  }
  CloudListPage list(const std::string& prefix, const std::string& start_after,
                     unsigned max_keys) override {
    return watch([&] { return inner_->list(prefix, start_after, max_keys); });
  }
  void remove(std::span<const std::string> keys) override {
    watch([&] { return inner_->remove(keys), true; });
  }
  CloudRequestCounts counts() const override { return inner_->counts(); }
  std::string location() const override { return inner_->location(); }

 private:
  template <typename Request>
  auto watch(const Request& request) -> decltype(request()) {
    try {
      auto answer = request();
      if (is_shown_) take_off();
      return answer;
    } catch (const CloudStorageError& error) {
      if (error.may_retry()) show(in_short(error));
      throw;
    }
  }

  void show(const std::string& why) {
    const std::string line = fmt::format("waiting for {}: {}", one_line(location()), why);
    const std::lock_guard lock(mutex_);
    fmt::print(stderr, "\r\033[K{}", first_columns(line, columns()));
    is_shown_ = true;
  }

  void take_off() {
    const std::lock_guard lock(mutex_);
    if (is_shown_.exchange(false)) std::fputs("\r\033[K", stderr);
  }

  const std::shared_ptr<CloudStorageClient> inner_;
  std::mutex mutex_;
  std::atomic<bool> is_shown_{false};
};

}  // namespace

std::shared_ptr<CloudStorageClient> show_waiting(std::shared_ptr<CloudStorageClient> client) {
  if (::isatty(STDERR_FILENO) != 1) return client;
  return std::make_shared<WaitingClient>(std::move(client));
}

}  // namespace protobase::cli
