// HTTPClient on libcurl; the only file that knows it. A handle of libcurl carries one request at a
// time and keeps one connection; idle handles wait in a pool for the next request to their server.
#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "base/byte_spans.h"
#include "os/net/http.h"
#include "os/net/no_sigpipe.h"
#include "protobase/errors.h"

namespace protobase::os {
namespace {

constexpr std::size_t kMaxHeaderBytes = std::size_t{256} << 10;  // of one answer
constexpr std::size_t kMaxReservedBytes = std::size_t{64} << 20;
// libcurl makes its buffers anew for each request, and malloc gives large ones back to the kernel
// each time: two of 256 KiB would cost a small request 20 us. So only who moves much has them.
constexpr std::uint64_t kReceiveBufferBytes = 16 << 10;  // libcurl's own
constexpr std::uint64_t kLargeReceiveBufferBytes = 256 << 10;
constexpr std::uint64_t kLargeSendBufferBytes = 256 << 10;
// A body up to here goes out in one piece with the headers: the kernel is called once, and the
// server wakes up once and has all of it. libcurl can do so below 64 KiB; it is two copies.
constexpr std::uint64_t kMaxBodyWithHeaders = 32 << 10;
// Servers and the boxes on the way drop what is idle longer; what they drop silently costs a
// request.
constexpr long kMaxIdleSeconds = 50;

struct CloseHandle {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, CloseHandle>;
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

/// libcurl counts its users; the last one tidies up.
class Library final {
 public:
  Library() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
      throw UnexpectedError("libcurl does not start");
    }
  }
  ~Library() { curl_global_cleanup(); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
};

/// One request under way: what libcurl's callbacks read and write.
struct Transfer {
  const HTTPRequest& request;
  curl_socket_t socket = CURL_SOCKET_BAD;  ///< of a connection kept from before
  HTTPResponse response{};
  std::string small_body{};   ///< all of the parts, when they go out with the headers; else:
  std::size_t part = 0;       ///< of the body, that is sent next ...
  std::size_t part_sent = 0;  ///< ... but for so many bytes
  std::size_t header_bytes = 0;
  bool was_sent = false;
  bool awaits_body = true;  ///< behind the headers of the answer
  bool is_too_large = false;
};

std::size_t send_body(char* out, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const auto& parts = transfer.request.body;
  const std::size_t room = size * count;
  std::size_t filled = 0;
  while (filled < room && transfer.part < parts.size()) {
    const auto rest = parts[transfer.part].subspan(transfer.part_sent);
    const std::size_t step = std::min(rest.size(), room - filled);
    if (step > 0) std::memcpy(out + filled, rest.data(), step);
    filled += step;
    transfer.part_sent += step;
    if (step == rest.size()) ++transfer.part, transfer.part_sent = 0;
  }
  return filled;
}

std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  auto& body = transfer.response.body;
  const std::size_t length = size * count;
  if (length > transfer.request.max_response_bytes - body.size()) {
    transfer.is_too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  const auto* const begin = reinterpret_cast<const std::byte*>(bytes);
  body.insert(body.end(), begin, begin + length);
  return length;
}

/// Memory for the body at once, as far as its announced length is believable.
void reserve_body(Transfer& transfer, std::string_view content_length) {
  std::uint64_t length = 0;
  const char* const end = content_length.data() + content_length.size();
  const auto [stop, error] = std::from_chars(content_length.data(), end, length);
  if (error != std::errc() || stop != end || transfer.request.method == "HEAD") return;
  transfer.awaits_body = length > 0;
  if (length > transfer.request.max_response_bytes) return;
  transfer.response.body.reserve(std::min<std::size_t>(length, kMaxReservedBytes));
}

/// Tells the server at once that the headers have come. Some (Ceph) write headers and body in two
/// pieces without TCP_NODELAY: their kernel keeps the second one back until the first is
/// acknowledged, and ours takes 40 ms over that on a connection that was used before. Where nothing
/// is to come, the acknowledgement travels with the next request.
void acknowledge_headers(const Transfer& transfer) {
  constexpr int kOn = 1;
  if (transfer.socket == CURL_SOCKET_BAD || !transfer.awaits_body) return;
  static_cast<void>(::setsockopt(transfer.socket, IPPROTO_TCP, TCP_QUICKACK, &kOn, sizeof kOn));
}

std::size_t take_header(char* bytes, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view line(bytes, size * count);
  transfer.header_bytes += line.size();
  if (transfer.header_bytes > kMaxHeaderBytes) return 0;
  if (line.starts_with("HTTP/")) {  // the first line; an interim answer may have come before
    transfer.response.headers.clear();
    transfer.awaits_body = transfer.request.method != "HEAD";
  }
  if (line == "\r\n") acknowledge_headers(transfer);  // the last line
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || line.starts_with("HTTP/")) return line.size();
  std::string name = base::lower_case(base::trimmed(line.substr(0, colon)));
  const std::string_view value = base::trimmed(line.substr(colon + 1));
  if (name == "content-length") reserve_body(transfer, value);
  transfer.response.headers.emplace_back(std::move(name), value);
  return line.size();
}

/// Runs when a connection stands, before the request goes into it. libcurl would send a request
/// again by itself when a connection kept from before turns out to be dead; here the second time is
/// refused, because the first may have arrived.
int before_request(void* context, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (transfer.was_sent) return CURL_PREREQFUNC_ABORT;
  transfer.was_sent = true;
  return CURL_PREREQFUNC_OK;
}

bool has_line_break(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

HeaderList header_list(const HTTPHeaders& headers) {
  HeaderList list;
  const auto append = [&](const std::string& line) {
    curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw UnexpectedError("no memory for the headers of a request");
    static_cast<void>(list.release());
    list.reset(longer);
  };
  // What libcurl would send by itself, and "Expect: 100-continue" cost a round trip.
  for (const char* name : {"Expect:", "Accept:", "Content-Type:"}) append(name);
  for (const auto& [name, value] : headers) {
    if (name.empty() || name.find_first_of(": \t") != std::string::npos || has_line_break(name) ||
        has_line_break(value)) {
      throw ValidationError("header \"" + name.substr(0, name.find_first_of("\r\n")) +
                            "\": a name or value that no header can have");
    }
    append(value.empty() ? name + ";" : name + ": " + value);
  }
  return list;
}

/// `scheme://host:port` of a URL: requests with the same one may share a connection.
std::string origin_of(const std::string& url) {
  const auto scheme_end = url.find("://");
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    throw ValidationError("no http or https URL: " + url.substr(0, url.find('?')));
  }
  return url.substr(0, url.find_first_of("/?#", scheme_end + 3));
}

class CurlHTTPClient final : public HTTPClient {
 public:
  explicit CurlHTTPClient(const CurlHTTPClientOptions& options) : options_(options) {}

  HTTPResponse perform(const HTTPRequest& request) override;

 private:
  struct IdleHandle {
    std::string origin;
    Handle handle;
  };

  Handle take_handle(const std::string& origin);
  void keep_handle(std::string origin, Handle handle);
  void set_up_connection(CURL* handle, const HTTPRequest& request) const;

  const Library library_;
  const CurlHTTPClientOptions options_;
  std::mutex mutex_;
  std::vector<IdleHandle> idle_;  ///< the one used last is the last
};

template <typename Value>
void set(CURL* handle, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(handle, option, value);
  if (code != CURLE_OK) {
    throw UnexpectedError("libcurl refuses option " + std::to_string(option) + ": " +
                          curl_easy_strerror(code));
  }
}

Handle CurlHTTPClient::take_handle(const std::string& origin) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(idle_.rbegin(), idle_.rend(),
                                    [&](const IdleHandle& idle) { return idle.origin == origin; });
    if (found != idle_.rend()) {
      Handle handle = std::move(found->handle);
      idle_.erase(std::next(found).base());
      return handle;
    }
  }
  Handle handle(curl_easy_init());
  if (!handle) throw UnexpectedError("no memory for a connection");
  return handle;
}

void CurlHTTPClient::keep_handle(std::string origin, Handle handle) {
  if (options_.max_idle_connections == 0) return;
  curl_easy_reset(handle.get());  // options go, the connection stays
  IdleHandle oldest;              // closed without the lock
  const std::lock_guard lock(mutex_);
  if (idle_.size() >= options_.max_idle_connections) {
    oldest = std::move(idle_.front());
    idle_.erase(idle_.begin());
  }
  idle_.push_back({std::move(origin), std::move(handle)});
}

/// libcurl takes 0 for "for ever".
long milliseconds(std::uint64_t value) {
  constexpr std::uint64_t kMost = 1'000'000'000;
  return static_cast<long>(std::clamp<std::uint64_t>(value, 1, kMost));
}

void CurlHTTPClient::set_up_connection(CURL* handle, const HTTPRequest& request) const {
  set(handle, CURLOPT_URL, request.url.c_str());
  set(handle, CURLOPT_PATH_AS_IS, 1L);
  set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(handle, CURLOPT_FOLLOWLOCATION, 0L);
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_MAXCONNECTS, 1L);
  set(handle, CURLOPT_MAXAGE_CONN, kMaxIdleSeconds);
  set(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  set(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(handle, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connect_timeout_ms));
  set(handle, CURLOPT_TIMEOUT_MS, milliseconds(request.timeout_ms));
  if (request.stall_timeout_ms > 0) {
    set(handle, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(kStallBytesPerSecond));
    set(handle, CURLOPT_LOW_SPEED_TIME, (milliseconds(request.stall_timeout_ms) + 999) / 1000);
  }
  set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  set(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options_.ca_file.empty()) set(handle, CURLOPT_CAINFO, options_.ca_file.c_str());
}

std::string joined(const std::vector<std::span<const std::byte>>& parts, std::size_t size) {
  std::string bytes;
  bytes.reserve(size);
  for (const auto part : parts) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  }
  return bytes;
}

/// libcurl sends with the headers what it takes for the fields of a form; that it is none, method
/// and Content-Type say.
void set_up_body(CURL* handle, Transfer& transfer) {
  const HTTPRequest& request = transfer.request;
  const std::uint64_t size = base::total_size(request.body);
  const bool has_body = size > 0 || request.method == "PUT" || request.method == "POST";
  if (request.method == "HEAD") {
    set(handle, CURLOPT_NOBODY, 1L);
  } else if (has_body && size <= kMaxBodyWithHeaders) {
    transfer.small_body = joined(request.body, size);
    set(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(size));
    set(handle, CURLOPT_POSTFIELDS, transfer.small_body.c_str());
  } else if (has_body) {
    set(handle, CURLOPT_UPLOAD, 1L);
    set(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    set(handle, CURLOPT_UPLOAD_BUFFERSIZE,
        static_cast<long>(std::clamp(size, kMaxBodyWithHeaders, kLargeSendBufferBytes)));
    set(handle, CURLOPT_READFUNCTION, send_body);
    set(handle, CURLOPT_READDATA, &transfer);
  }
  if (request.method != "HEAD") set(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

/// Only what is got may be large.
long receive_buffer_size(const HTTPRequest& request) {
  if (request.method != "GET") return static_cast<long>(kReceiveBufferBytes);
  return static_cast<long>(
      std::clamp(request.max_response_bytes, kReceiveBufferBytes, kLargeReceiveBufferBytes));
}

void set_up_callbacks(CURL* handle, Transfer& transfer) {
  set(handle, CURLOPT_BUFFERSIZE, receive_buffer_size(transfer.request));
  set(handle, CURLOPT_WRITEFUNCTION, take_body);
  set(handle, CURLOPT_WRITEDATA, &transfer);
  set(handle, CURLOPT_HEADERFUNCTION, take_header);
  set(handle, CURLOPT_HEADERDATA, &transfer);
  set(handle, CURLOPT_PREREQFUNCTION, before_request);
  set(handle, CURLOPT_PREREQDATA, &transfer);
}

/// Whether the very first bytes of a connection show that the other side speaks something else. On
/// one that was used before they may be the rest of an earlier answer.
bool is_foreign(const Transfer& transfer, CURLcode code, std::string_view reason) {
  const bool is_new = transfer.socket == CURL_SOCKET_BAD;
  if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY) return is_new;
  if (code != CURLE_SSL_CONNECT_ERROR) return false;
  // No code of its own; the words are OpenSSL's and GnuTLS's for a first record that is none.
  constexpr std::array<std::string_view, 4> kNoTLS = {
      "wrong version number", "packet length too long", "unexpected TLS packet", "http request"};
  return std::any_of(kNoTLS.begin(), kNoTLS.end(),
                     [&](auto words) { return reason.find(words) != std::string_view::npos; });
}

[[noreturn]] void throw_failure(const Transfer& transfer, CURLcode code, const char* words) {
  const HTTPRequest& request = transfer.request;
  const std::string where = request.method + " " + request.url.substr(0, request.url.find('?'));
  if (transfer.is_too_large) {
    throw HTTPTooLargeError(where + ": the answer has more than " +
                            std::to_string(request.max_response_bytes) + " bytes");
  }
  std::string reason = *words != '\0' ? words : curl_easy_strerror(code);
  if (transfer.header_bytes > kMaxHeaderBytes) reason = "the answer has too many headers";
  if (code == CURLE_ABORTED_BY_CALLBACK) reason = "the connection was closed without an answer";
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
    throw HTTPUntrustedError(where + ": " + reason);
  }
  if (is_foreign(transfer, code, reason)) {
    throw HTTPForeignError(transfer.was_sent, where + ": " + reason);
  }
  throw HTTPError(transfer.was_sent, where + ": " + reason);
}

HTTPResponse CurlHTTPClient::perform(const HTTPRequest& request) {
  std::string origin = origin_of(request.url);
  const HeaderList headers = header_list(request.headers);
  Transfer transfer{request};
  std::array<char, CURL_ERROR_SIZE> words{};
  const NoSIGPIPE no_sigpipe;
  Handle handle = take_handle(origin);
  static_cast<void>(curl_easy_getinfo(handle.get(), CURLINFO_ACTIVESOCKET, &transfer.socket));
  set_up_connection(handle.get(), request);
  set_up_body(handle.get(), transfer);
  set_up_callbacks(handle.get(), transfer);
  set(handle.get(), CURLOPT_HTTPHEADER, headers.get());
  set(handle.get(), CURLOPT_ERRORBUFFER, words.data());
  const CURLcode code = curl_easy_perform(handle.get());
  if (code != CURLE_OK) throw_failure(transfer, code, words.data());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<int>(status);
  keep_handle(std::move(origin), std::move(handle));
  return std::move(transfer.response);
}

}  // namespace

std::shared_ptr<HTTPClient> curl_http_client(const CurlHTTPClientOptions& options) {
  return std::make_shared<CurlHTTPClient>(options);
}

}  // namespace protobase::os
