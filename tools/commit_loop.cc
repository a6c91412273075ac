// protobase-commit-loop SPACE COMMITS THREADS: so many durable commits of one small atom each,
// shared out among the threads. What tests of the cost of a commit run under strace.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

#include "protobase/protobase.h"

namespace protobase {
namespace {

/// 0 when the text is no number above 0.
std::uint64_t parse_count(const char* text) {
  std::uint64_t count = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, count);
  return error == std::errc{} && stop == end ? count : 0;
}

void commit_some(SharedStorage& storage, std::uint64_t thread, std::uint64_t commits) {
  for (std::uint64_t i = 0; i < commits; ++i) {
    storage.set_current_root(storage.push_atom(Atom::object({{"thread", thread}, {"commit", i}})));
  }
}

void commit_from_threads(SharedStorage& storage, std::uint64_t commits, std::uint64_t threads) {
  std::vector<std::exception_ptr> errors(threads);
  {
    std::vector<std::jthread> running;
    for (std::uint64_t t = 0; t < threads; ++t) {
      running.emplace_back([&, t] {
        try {
          commit_some(storage, t, commits / threads + (t < commits % threads ? 1 : 0));
        } catch (const std::exception&) {
          errors[t] = std::current_exception();
        }
      });
    }
  }
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

int run(int argc, char** argv) {
  const std::uint64_t commits = argc == 4 ? parse_count(argv[2]) : 0;
  const std::uint64_t threads = argc == 4 ? parse_count(argv[3]) : 0;
  if (commits == 0 || threads == 0) {
    std::fputs("usage: protobase-commit-loop SPACE COMMITS THREADS\n", stderr);
    return 2;
  }
  StandaloneFileStorage storage(argv[1]);
  commit_from_threads(storage, commits, threads);
  storage.close();
  return 0;
}

}  // namespace
}  // namespace protobase

int main(int argc, char** argv) {
  try {
    return protobase::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "protobase-commit-loop: %s\n", error.what());
    return 1;
  }
}
