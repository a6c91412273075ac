// Everything at once: pushers, readers, committers, guards, asynchronous reads, statistics, caches
// far too small, and close() in the middle. Each call gives right bytes or throws what the contract
// names (protobase/storage.h); nothing hangs; what was acknowledged is there after reopening.
// Bounded by commits, not by time.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <iostream>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "protobase/errors.h"
#include "protobase/memory_storage.h"
#include "protobase/standalone_file_storage.h"
#include "test/soak/record.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

using soak::payload_of;
using soak::Push;
using testing::TemporaryDirectory;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 6;
#else
constexpr int kRounds = 20;
#endif
// Close comes after so many commits and flushes at most; those of a directory wait for a disk.
constexpr std::uint64_t kMostCommitsInMemory = 1000;
constexpr std::uint64_t kMostCommitsInADirectory = 60;

StorageOptions tiny_caches() {
  StorageOptions options;
  options.buffer_size = 4096;
  options.max_unflushed_bytes = 32 * 1024;
  options.wal_max_size = 256 * 1024;
  options.object_cache_max_entries = 8;
  options.bytes_cache_max_entries = 8;
  options.cache_stripes = 2;
  options.max_workers = 3;
  return options;
}

/// What has been pushed so far, for all threads.
class Known {
 public:
  void add(Push push) {
    const std::lock_guard lock(mutex_);
    pushes_.push_back(std::move(push));
  }
  std::optional<Push> draw(std::mt19937_64& random) const {
    const std::lock_guard lock(mutex_);
    if (pushes_.empty()) return std::nullopt;
    return pushes_[random() % pushes_.size()];
  }
  std::vector<Push> all() const {
    const std::lock_guard lock(mutex_);
    return pushes_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Push> pushes_;
};

/// One storage, the threads that use it, and the moment at which it is closed.
class Storm {
 public:
  Storm(SharedStorage& storage, std::uint64_t seed, std::uint64_t most_commits)
      : storage_(storage), seed_(seed), close_at_(1 + seed % most_commits) {}

  /// Until the storage is closed and every thread has met that.
  void run() {
    using Role = void (Storm::*)(std::mt19937_64&);
    const std::vector<Role> roles = {&Storm::push_bytes, &Storm::push_many, &Storm::push_atom,
                                     &Storm::read,       &Storm::read,      &Storm::read_many,
                                     &Storm::read_async, &Storm::set_root,  &Storm::swap_root,
                                     &Storm::guard,      &Storm::flush,     &Storm::look_around};
    std::vector<std::jthread> threads;
    std::latch start(static_cast<std::ptrdiff_t>(roles.size()) + 1);
    for (std::size_t i = 0; i < roles.size(); ++i) {
      threads.emplace_back(
          [this, &start, role = roles[i], random = std::mt19937_64(seed_ + i)]() mutable {
            start.arrive_and_wait();
            repeat([&] { (this->*role)(random); });
          });
    }
    start.arrive_and_wait();
    for (std::uint64_t done = commits_; done < close_at_; done = commits_) commits_.wait(done);
    storage_.close();
    closed_ = true;
  }

  const std::vector<std::string>& complaints() const { return complaints_; }
  const std::vector<Push>& acknowledged() const { return acknowledged_; }
  const std::vector<AtomPointer>& roots() const { return roots_; }
  std::uint64_t calls() const { return calls_; }

 private:
  /// Repeats a role until it meets the closed storage; after close() has returned it must.
  void repeat(const std::function<void()>& role) {
    while (true) {
      const bool was_closed = closed_;
      try {
        role();
        if (was_closed) return complain("a call succeeded after close()");
      } catch (const ValidationError& error) {
        if (std::string(error.what()).find("closed") != std::string::npos) break;
        return complain(error.what());
      } catch (const std::exception& error) {
        return complain(error.what());
      }
      ++calls_;
    }
  }

  /// Precondition: mutex_ is not held.
  void count_commit(const Push& push) {
    {
      const std::lock_guard lock(mutex_);
      acknowledged_.push_back(push);
    }
    ++commits_;
    commits_.notify_all();
  }

  void complain(const std::string& what) {
    {
      const std::lock_guard lock(mutex_);
      complaints_.push_back(what);
    }
    commits_ += close_at_;  // ends the round
    commits_.notify_all();
  }

  Push next_push(std::mt19937_64& random) {
    return {"s." + std::to_string(named_++), 20 + random() % (random() % 20 == 0 ? 9000 : 300), {}};
  }

  Push push(std::mt19937_64& random) {
    Push push = next_push(random);
    const std::string payload = payload_of(push.name, push.size);
    push.pointer = storage_.push_bytes(as_bytes(payload));
    known_.add(push);
    return push;
  }

  void push_bytes(std::mt19937_64& random) { push(random); }

  void push_many(std::mt19937_64& random) {
    std::vector<Push> pushes(1 + random() % 100);
    std::vector<std::string> payloads;
    for (Push& push : pushes) {
      push = next_push(random);
      payloads.push_back(payload_of(push.name, push.size));
    }
    std::vector<std::span<const std::byte>> many;
    for (const std::string& payload : payloads) many.push_back(as_bytes(payload));
    const auto pointers = storage_.push_bytes_many(many);
    for (std::size_t i = 0; i < pushes.size(); ++i) {
      pushes[i].pointer = pointers[i];
      known_.add(pushes[i]);
    }
  }

  /// Atoms are read back at once by who pushed them; the caches are churned by that too.
  void push_atom(std::mt19937_64&) {
    const auto number = static_cast<std::int64_t>(named_++);
    const AtomPointer where = storage_.push_atom(Atom::object({{"n", number}}));
    const auto atom = storage_.get_atom(where);
    if (atom->at("n") != Atom(number)) complain("a wrong atom");
  }

  void expect_right(const Push& push, const SharedBytes& bytes) {
    if (bytes.as_text() != payload_of(push.name, push.size)) complain(push.name + " is wrong");
  }

  void read(std::mt19937_64& random) {
    const auto push = known_.draw(random);
    if (push) expect_right(*push, storage_.get_bytes(push->pointer));
    if (!push) storage_.stats();  // meets close() too
  }

  void read_many(std::mt19937_64& random) {
    std::vector<Push> pushes;
    std::vector<AtomPointer> pointers;
    for (int i = 0; i < 20; ++i) {
      const auto push = known_.draw(random);
      if (!push) break;
      pushes.push_back(*push);
      pointers.push_back(push->pointer);
    }
    const auto found = storage_.get_bytes_many(pointers);
    for (std::size_t i = 0; i < pushes.size(); ++i) expect_right(pushes[i], found[i]);
  }

  void read_async(std::mt19937_64& random) {
    std::vector<std::pair<Push, std::future<SharedBytes>>> running;
    for (int i = 0; i < 5; ++i) {
      if (const auto push = known_.draw(random)) {
        running.emplace_back(*push, storage_.get_bytes_async(push->pointer));
      }
    }
    for (auto& [push, future] : running) expect_right(push, future.get());
    if (running.empty()) storage_.stats();
  }

  /// Either it is made or it meets the closed storage: no medium fails here, so nothing is unknown.
  void commit(const Push& root, const std::function<bool()>& call) {
    if (!call()) return;
    {
      const std::lock_guard lock(mutex_);
      roots_.push_back(root.pointer);
    }
    count_commit(root);
  }

  void set_root(std::mt19937_64& random) {
    const Push root = push(random);
    commit(root, [&] { return storage_.set_current_root(root.pointer), true; });
  }

  void swap_root(std::mt19937_64& random) {
    const Push root = push(random);
    const auto expected = storage_.read_current_root();
    commit(root, [&] { return storage_.compare_and_set_root(expected, root.pointer); });
  }

  /// Under the guard nobody else moves the root.
  void guard(std::mt19937_64& random) {
    const RootGuard outer = storage_.root_context_manager();
    const RootGuard inner = storage_.root_context_manager();
    const auto before = storage_.read_current_root();
    const Push root = push(random);
    bool won = false;
    commit(root, [&] { return won = storage_.compare_and_set_root(before, root.pointer); });
    if (!won) complain("somebody moved the root under a guard");
    if (storage_.read_current_root() != root.pointer) complain("another root under a guard");
  }

  void flush(std::mt19937_64& random) {
    const Push pushed = push(random);
    storage_.flush_wal();
    count_commit(pushed);
  }

  void look_around(std::mt19937_64& random) {
    storage_.root_history(20);
    for (const WALDescription& wal : storage_.list_wals()) {
      if (random() % 8 == 0)
        storage_.scan_wal(wal.transaction_id, [](const RecordInfo&) { return true; });
    }
    if (random() % 4 == 0) {
      for (const auto& bad : storage_.verify({}).bad) {
        complain("verify beside writers: " + bad.pointer.to_string() + ": " + bad.reason);
      }
    }
    if (storage_.stats().object_cache.entries > 8) complain("a cache over its bound");
  }

  SharedStorage& storage_;
  const std::uint64_t seed_;
  const std::uint64_t close_at_;
  Known known_;
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> named_{0};
  std::atomic<bool> closed_{false};
  std::mutex mutex_;  // guards the rest
  std::vector<std::string> complaints_;
  std::vector<Push> acknowledged_;
  std::vector<AtomPointer> roots_;
};

std::uint64_t base_seed() { return std::random_device{}(); }

void expect_no_complaint(const Storm& storm, std::uint64_t seed) {
  EXPECT_TRUE(storm.complaints().empty()) << "seed " << seed << ": " << storm.complaints()[0];
}

TEST(Stress, InMemoryWithCloseInTheMiddle) {
  const std::uint64_t seed = base_seed();
  std::uint64_t calls = 0;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    MemoryStorage storage(tiny_caches());
    Storm storm(storage, seed + 7919 * round, kMostCommitsInMemory);
    storm.run();
    expect_no_complaint(storm, seed);
    calls += storm.calls();
  }
  std::cout << "seed " << seed << ", " << calls << " calls\n";
}

void expect_all_acknowledged(const std::string& space, const Storm& storm) {
  StandaloneFileStorage storage(space, tiny_caches());
  for (const Push& push : storm.acknowledged()) {
    EXPECT_EQ(storage.get_bytes(push.pointer).as_text(), payload_of(push.name, push.size));
  }
  std::set<AtomPointer> there;
  for (const RootVersion& version : storage.root_history(1'000'000)) there.insert(version.root);
  for (const AtomPointer& root : storm.roots()) {
    EXPECT_TRUE(there.contains(root)) << root << " was acknowledged";
  }
  EXPECT_EQ(storage.verify({}).bad_places, 0u);
}

TEST(Stress, InADirectoryWithCloseInTheMiddle) {
  const std::uint64_t seed = base_seed();
  std::uint64_t calls = 0;
  std::size_t acknowledged = 0;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    const TemporaryDirectory directory;
    StandaloneFileStorage storage(directory.at("space"), tiny_caches());
    Storm storm(storage, seed + 7919 * round, kMostCommitsInADirectory);
    storm.run();
    expect_no_complaint(storm, seed);
    expect_all_acknowledged(directory.at("space"), storm);
    calls += storm.calls();
    acknowledged += storm.acknowledged().size();
  }
  std::cout << "seed " << seed << ", " << calls << " calls, " << acknowledged << " acknowledged\n";
  EXPECT_GT(acknowledged, 0u);
}

/// Two members of a space, each with threads of its own; one is closed first, the other goes on.
TEST(Stress, TwoMembersOfASpaceEachClosedInTheMiddle) {
  const std::uint64_t seed = base_seed();
  std::size_t acknowledged = 0;
  for (std::uint64_t round = 0; round < kRounds / 2; ++round) {
    const TemporaryDirectory directory;
    const std::string space = directory.at("space");
    StandaloneFileStorage first(space, tiny_caches());
    StandaloneFileStorage second(space, tiny_caches());
    Storm one(first, seed + 7919 * round, kMostCommitsInADirectory);
    Storm two(second, seed + 104729 * round, kMostCommitsInADirectory);
    std::jthread beside([&] { one.run(); });
    two.run();
    beside.join();
    for (const Storm* storm : {&one, &two}) {
      expect_no_complaint(*storm, seed);
      expect_all_acknowledged(space, *storm);
      acknowledged += storm->acknowledged().size();
    }
  }
  std::cout << "seed " << seed << ", " << acknowledged << " acknowledged\n";
  EXPECT_GT(acknowledged, 0u);
}

}  // namespace
}  // namespace protobase
