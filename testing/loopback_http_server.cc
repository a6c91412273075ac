#include "testing/loopback_http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>

namespace protobase::testing {
namespace {

using Request = LoopbackHTTPServer::Request;

void check(bool good, const char* call) {
  if (!good) throw std::system_error(errno, std::generic_category(), call);
}

/// Reads until `done` says so; false when the other side has closed.
template <typename Done>
bool read_until(int socket, std::string& text, Done done) {
  std::array<char, 65536> buffer;
  while (!done()) {
    const ssize_t n = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (n <= 0) return false;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return true;
}

/// False: the client has gone.
bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void send_late(int socket, const LoopbackHTTPServer::Reply& reply) {
  for (const std::string& piece : reply.late_pieces) {
    std::this_thread::sleep_for(std::chrono::milliseconds(reply.pause_ms));
    if (!send_all(socket, piece)) return;
  }
}

void parse_head(std::string_view head, Request& request) {
  const auto line_end = head.find("\r\n");
  const std::string_view first = head.substr(0, line_end);
  const auto space = first.find(' ');
  request.method = first.substr(0, space);
  request.target = first.substr(space + 1, first.rfind(' ') - space - 1);
  for (auto at = line_end + 2; at < head.size();) {
    const auto end = std::min(head.find("\r\n", at), head.size());
    const std::string_view line = head.substr(at, end - at);
    const auto colon = line.find(':');
    std::string name(line.substr(0, colon));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const auto value = line.find_first_not_of(' ', colon + 1);
    request.headers.emplace_back(
        std::move(name), value == std::string_view::npos ? "" : std::string(line.substr(value)));
    at = end + 2;
  }
}

/// `text` holds what was read too much, before and after.
std::optional<Request> read_request(int socket, std::string& text) {
  constexpr std::string_view kHeadEnd = "\r\n\r\n";
  const auto has_head = [&] { return text.find(kHeadEnd) != std::string::npos; };
  if (!read_until(socket, text, has_head)) return std::nullopt;
  const auto head_size = text.find(kHeadEnd) + kHeadEnd.size();
  Request request;
  parse_head(std::string_view(text).substr(0, head_size - 2), request);
  const std::string length = request.header("content-length");
  const std::size_t size = head_size + (length.empty() ? 0 : std::stoull(length));
  if (!read_until(socket, text, [&] { return text.size() >= size; })) return std::nullopt;
  request.body = text.substr(head_size, size - head_size);
  text.erase(0, size);
  return request;
}

}  // namespace

std::string LoopbackHTTPServer::Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

std::size_t LoopbackHTTPServer::Request::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(
      headers.begin(), headers.end(), [&](const auto& header) { return header.first == name; }));
}

LoopbackHTTPServer::LoopbackHTTPServer(Handler handler, std::string greeting)
    : handler_(std::move(handler)), greeting_(std::move(greeting)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(listener_ >= 0, "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  check(::bind(listener_, name, size) == 0, "bind");
  check(::listen(listener_, 64) == 0, "listen");
  check(::getsockname(listener_, name, &size) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_connections(); });
}

LoopbackHTTPServer::~LoopbackHTTPServer() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (const Connection& connection : open_) ::shutdown(connection.socket, SHUT_RDWR);
  }
  for (Connection& connection : open_) {
    connection.thread.join();
    ::close(connection.socket);
  }
}

LoopbackHTTPServer::Reply LoopbackHTTPServer::reply(int status, std::string_view body,
                                                    std::string_view headers) {
  std::string bytes = "HTTP/1.1 " + std::to_string(status) + " Status\r\n";
  bytes += headers;
  bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  bytes += body;
  return {std::move(bytes), false};
}

std::string LoopbackHTTPServer::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

void LoopbackHTTPServer::accept_connections() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::lock_guard lock(mutex_);
    const std::size_t number = connections_++;
    open_.push_back({socket, std::thread([=, this] { serve(socket, number); })});
  }
}

void LoopbackHTTPServer::serve(int socket, std::size_t connection) {
  std::string text;
  send_all(socket, greeting_);
  while (auto request = read_request(socket, text)) {
    request->connection = connection;
    const Reply reply = handler_(*request);
    send_all(socket, reply.bytes);
    send_all(socket, reply.second_piece);
    send_late(socket, reply);
    if (reply.close) break;
  }
  ::shutdown(socket, SHUT_RDWR);
}

}  // namespace protobase::testing
