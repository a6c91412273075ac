// Several writers on one store, none of which loses an update: one half commits by compare-and-set
// and tries again when another was faster; the other half shuts all others out while it commits.
// Here they are threads; processes behave the same. Usage: concurrent_commits DIRECTORY
#include <exception>
#include <iostream>
#include <optional>
#include <thread>
#include <vector>

#include "protobase/protobase.h"

namespace {

using protobase::Atom;
using protobase::AtomPointer;
using protobase::SharedStorage;

constexpr int kThreads = 4;
constexpr int kIncrementsPerThread = 25;

/// A counter one higher than the one `root` points at; 1 when there is none.
AtomPointer push_next(SharedStorage& storage, const std::optional<AtomPointer>& root) {
  const std::int64_t count = root ? storage.get_atom(*root)->at("count").as_int64() : 0;
  return storage.push_atom(Atom::object({{"count", count + 1}}));
}

/// Optimistic: best when conflicts are rare. What a lost round pushed stays behind, unreferenced.
void increment_and_retry(SharedStorage& storage) {
  while (true) {
    const auto seen = storage.read_current_root();
    if (storage.compare_and_set_root(seen, push_next(storage, seen))) return;
  }
}

/// Pessimistic: nobody else moves the root while the guard lives.
void increment_under_lock(SharedStorage& storage) {
  const protobase::RootGuard guard = storage.root_context_manager();
  storage.set_current_root(push_next(storage, storage.read_current_root()));
}

void run_threads(SharedStorage& storage) {
  std::vector<std::exception_ptr> errors(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&storage, &error = errors[t],
                            work = t % 2 == 0 ? increment_and_retry : increment_under_lock] {
        try {
          for (int i = 0; i < kIncrementsPerThread; ++i) work(storage);
        } catch (const std::exception&) {
          error = std::current_exception();
        }
      });
    }
  }
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: concurrent_commits DIRECTORY\n";
    return 2;
  }
  try {
    protobase::StandaloneFileStorage storage(argv[1]);
    run_threads(storage);
    const auto count =
        storage.get_atom(storage.read_current_root().value())->at("count").as_int64();
    std::cout << kThreads * kIncrementsPerThread << " increments, counted " << count << "\n";
    return count == kThreads * kIncrementsPerThread ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "concurrent_commits: " << error.what() << "\n";
    return 1;
  }
}
