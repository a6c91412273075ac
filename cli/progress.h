// A bar on standard error for work that takes a while; silent when that is no terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace protobase::cli {

class ProgressBar final {
 public:
  explicit ProgressBar(std::string label);
  /// Takes the bar off the screen.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Bytes done of all. Cheap to call often: draws ten times a second at most.
  void report(std::uint64_t done, std::uint64_t total);

 private:
  void draw(std::uint64_t done, std::uint64_t total);

  const std::string label_;
  const bool visible_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_draw_{};
};

}  // namespace protobase::cli
