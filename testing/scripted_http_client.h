// os::HTTPClient that gives the answers a test wrote down and remembers what it was asked.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/net/http.h"
#include "protobase/shared_bytes.h"

namespace protobase::testing {

/// A request as it was made; its body is a copy.
struct RecordedHTTPRequest {
  std::string method;
  std::string url;
  os::HTTPHeaders headers;
  std::string body;
  std::uint64_t max_response_bytes = 0;
  std::uint64_t connect_timeout_ms = 0;
  std::uint64_t timeout_ms = 0;
  std::uint64_t stall_timeout_ms = 0;

  /// The first header of that name in any case; "" when there is none.
  std::string header(std::string_view name) const {
    const auto lower = [](std::string_view text) {
      std::string result(text);
      for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      return result;
    };
    for (const auto& [key, value] : headers) {
      if (lower(key) == lower(name)) return value;
    }
    return "";
  }
};

/// Thread-safe. Answers in the order they were given; without one left the fallback answers, and
/// without that std::logic_error ends the test.
class ScriptedHTTPClient final : public os::HTTPClient {
 public:
  /// Runs in the caller's thread, without a lock; may throw os::HTTPError, block, take its time.
  using Answer = std::function<os::HTTPResponse(const RecordedHTTPRequest&)>;

  static os::HTTPResponse response(int status, std::string_view body = "",
                                   os::HTTPHeaders headers = {}) {
    const auto bytes = as_bytes(body);
    return {status, std::move(headers), Bytes(bytes.begin(), bytes.end())};
  }

  void answer(Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(answer));
  }
  /// Header names in lower case, as the real one gives them.
  void answer(int status, std::string_view body = "", os::HTTPHeaders headers = {}) {
    answer([response = response(status, body, std::move(headers))](const RecordedHTTPRequest&) {
      return response;
    });
  }
  void fail(bool was_sent, std::string message = "scripted failure") {
    answer([=](const RecordedHTTPRequest&) -> os::HTTPResponse {
      throw os::HTTPError(was_sent, message);
    });
  }
  void set_fallback(Answer answer) {
    const std::lock_guard lock(mutex_);
    fallback_ = std::move(answer);
  }

  std::vector<RecordedHTTPRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  RecordedHTTPRequest request(std::size_t index) const { return requests().at(index); }
  std::size_t unused_answers() const {
    const std::lock_guard lock(mutex_);
    return answers_.size();
  }

  os::HTTPResponse perform(const os::HTTPRequest& request) override {
    RecordedHTTPRequest recorded{request.method,
                                 request.url,
                                 request.headers,
                                 {},
                                 request.max_response_bytes,
                                 request.connect_timeout_ms,
                                 request.timeout_ms,
                                 request.stall_timeout_ms};
    for (const auto part : request.body) {
      recorded.body.append(reinterpret_cast<const char*>(part.data()), part.size());
    }
    return next(recorded)(recorded);
  }

 private:
  Answer next(const RecordedHTTPRequest& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (answers_.empty() && fallback_) return fallback_;
    if (answers_.empty()) {
      throw std::logic_error("no answer for " + request.method + " " + request.url);
    }
    Answer answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }

  mutable std::mutex mutex_;
  std::deque<Answer> answers_;
  Answer fallback_;
  std::vector<RecordedHTTPRequest> requests_;
};

}  // namespace protobase::testing
