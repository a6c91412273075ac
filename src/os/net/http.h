// The only road to the network for HTTP. One call here is one request there: no retry, no redirect
// followed, no proxy but what the environment of the process names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"

namespace protobase::os {

/// Slower than the slowest modem is no transfer; 64 MiB at this rate would take 18 hours.
inline constexpr std::uint64_t kStallBytesPerSecond = 1024;

using HTTPHeaders = std::vector<std::pair<std::string, std::string>>;

struct HTTPRequest {
  std::string method = "GET";
  std::string url;  ///< already percent-encoded; sent as it stands
  HTTPHeaders headers{};
  std::vector<std::span<const std::byte>> body{};  ///< sent one behind the other; copied if small
  std::uint64_t max_response_bytes = std::uint64_t{1} << 20;
  std::uint64_t connect_timeout_ms = 5'000;
  std::uint64_t timeout_ms = 60'000;  ///< of the whole request
  /// A request of which, in both directions together, fewer than kStallBytesPerSecond went over the
  /// wire for so long has failed; waiting for the answer counts. In whole seconds, rounded up; 0:
  /// no such limit.
  std::uint64_t stall_timeout_ms = 0;
};

struct HTTPResponse {
  int status = 0;
  HTTPHeaders headers{};  ///< names in lower case
  Bytes body{};

  /// The first header of that (lower case) name; "" when there is none.
  std::string_view header(std::string_view name) const noexcept;
  /// The body; lives as long as this.
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(body.data()), body.size()};
  }
};

/// No usable answer came.
class HTTPError : public UnexpectedError {
 public:
  HTTPError(bool was_sent, const std::string& message)
      : UnexpectedError(message), was_sent_(was_sent) {}
  /// False: nothing of the request can have reached the server (no address, no connection, no TLS).
  bool was_sent() const noexcept { return was_sent_; }

 private:
  bool was_sent_;
};

/// The answer has more than max_response_bytes; the rest of it was not read.
class HTTPTooLargeError final : public HTTPError {
 public:
  explicit HTTPTooLargeError(const std::string& message) : HTTPError(true, message) {}
};

/// TLS, but with whom: the server's certificate is not trusted or not its own, or the file with
/// those to trust cannot be read. Nothing was sent, and the next time will be the same.
class HTTPUntrustedError final : public HTTPError {
 public:
  explicit HTTPUntrustedError(const std::string& message) : HTTPError(false, message) {}
};

/// Whoever answers there speaks another protocol: no HTTP or an old one, no TLS. Asked again it
/// would be the same.
class HTTPForeignError final : public HTTPError {
 public:
  using HTTPError::HTTPError;
};

/// Thread-safe; requests of several threads run at the same time, connections are kept and used
/// again.
class HTTPClient {
 public:
  virtual ~HTTPClient() = default;
  /// Throws HTTPError when no whole answer came: broken off, too late, larger than
  /// max_response_bytes (HTTPTooLargeError), shorter than its Content-Length, from nobody to trust
  /// (HTTPUntrustedError), in another protocol (HTTPForeignError). ValidationError when the request
  /// itself is none: a header with a line break, a URL that is neither http nor https.
  virtual HTTPResponse perform(const HTTPRequest& request) = 0;
};

struct CurlHTTPClientOptions {
  std::string ca_file;  ///< empty: the system's
  /// Kept for later requests; more may be in use at the same time.
  std::size_t max_idle_connections = 32;
};

/// libcurl: HTTP/1.1, TLS 1.2 or newer, certificates and host names verified.
std::shared_ptr<HTTPClient> curl_http_client(const CurlHTTPClientOptions& options = {});

}  // namespace protobase::os
