// Threads that repeat calls while a storage or provider is being closed. Each call gives a right
// answer or says that it is closed; what else becomes of one is a complaint.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "protobase/errors.h"

namespace protobase::testing {

class CallsBesideClose final {
 public:
  /// One thread that repeats `call`. Precondition: close() has not begun.
  void add(std::string name, std::function<void()> call) {
    counts_.push_back(std::make_unique<std::atomic<int>>(0));
    threads_.emplace_back([this, name = std::move(name), call = std::move(call),
                           &count = *counts_.back()] { repeat(name, call, count); });
  }

  /// Runs `close` twice side by side when each call has ended `at_least` times, and waits for the
  /// threads. What runs `behind` has one of the two behind it, perhaps not the other.
  void close(const std::function<void()>& close, const std::function<void()>& behind = {},
             int at_least = 1) {
    for (const auto& count : counts_) {
      while (*count < at_least) std::this_thread::sleep_for(kPause);
    }
    std::jthread second(close);
    close();
    is_closed_ = true;
    if (behind) behind();
    threads_.clear();
  }

 private:
  void repeat(const std::string& name, const std::function<void()>& call, std::atomic<int>& count) {
    for (bool was_closed = false; !was_closed; ++count) {
      // Longer and longer, so that nobody makes a log longer than another one can look through it.
      std::this_thread::sleep_for(std::min(count.load(), kMostPauses) * kPause);
      was_closed = is_closed_;
      try {
        call();
        if (was_closed) ADD_FAILURE() << name << " went well behind close()";
      } catch (const ValidationError& error) {
        if (std::string(error.what()).find("closed") == std::string::npos)
          ADD_FAILURE() << name << " throws " << error.what();
        break;
      } catch (const std::exception& error) {
        ADD_FAILURE() << name << " throws " << error.what();
        break;
      }
    }
    count += kMany;  // nobody waits for it any more
  }

  static constexpr std::chrono::microseconds kPause{100};
  static constexpr int kMostPauses = 100;
  static constexpr int kMany = 1'000'000;
  std::atomic<bool> is_closed_{false};
  std::vector<std::unique_ptr<std::atomic<int>>> counts_;
  std::vector<std::jthread> threads_;
};

}  // namespace protobase::testing
