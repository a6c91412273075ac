// An HTTP/1.1 server on 127.0.0.1 that answers with whatever bytes a test gives it, right or wrong.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace protobase::testing {

/// Accepts until it is destroyed; one thread for each connection, requests with a Content-Length.
class LoopbackHTTPServer final {
 public:
  struct Request {
    std::string method;
    std::string target;                                        ///< path and query as they came
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    std::string body;
    std::size_t connection = 0;  ///< which one, from 0

    /// "" when there is none.
    std::string header(std::string_view name) const;
    std::size_t count(std::string_view name) const;
  };
  struct Reply {
    std::string bytes;   ///< sent as they stand; none: the client waits
    bool close = false;  ///< the connection, behind the bytes
    /// If not empty: sent behind them as a piece of its own, which the kernel keeps back (Nagle)
    /// until the first piece is acknowledged.
    std::string second_piece{};
    /// Sent behind all that, each after a pause, until the other side is gone.
    std::vector<std::string> late_pieces{};
    std::uint64_t pause_ms = 0;
  };
  /// Runs in the connection's thread.
  using Handler = std::function<Reply(const Request&)>;

  /// `greeting`: sent when a connection comes, before any request.
  explicit LoopbackHTTPServer(Handler handler, std::string greeting = "");
  ~LoopbackHTTPServer();
  LoopbackHTTPServer(const LoopbackHTTPServer&) = delete;
  LoopbackHTTPServer& operator=(const LoopbackHTTPServer&) = delete;

  /// A well-formed answer. `headers`: lines that end with "\r\n".
  static Reply reply(int status, std::string_view body = "", std::string_view headers = "");

  /// `http://127.0.0.1:port`
  std::string url() const;
  std::size_t connections() const { return connections_; }

 private:
  struct Connection {
    int socket = -1;
    std::thread thread;
  };

  void accept_connections();
  void serve(int socket, std::size_t connection);

  const Handler handler_;
  const std::string greeting_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> connections_{0};
  std::mutex mutex_;
  std::list<Connection> open_;
  std::thread acceptor_;
};

}  // namespace protobase::testing
