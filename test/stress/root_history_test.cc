// The root is a register that several threads and processes move and read at the same time. What
// each saw is recorded and must be explained by some order of the calls
// (testing/linearizability.h). Short histories, many of them, each from another seed.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "protobase/memory_storage.h"
#include "protobase/standalone_file_storage.h"
#include "test/soak/judge.h"
#include "test/soak/record.h"
#include "test/soak/worker.h"
#include "testing/linearizability.h"
#include "testing/temporary_directory.h"

namespace protobase::soak {
namespace {

using ::protobase::testing::RegisterCall;
using ::protobase::testing::RegisterValue;
using ::protobase::testing::TemporaryDirectory;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 8;
#else
constexpr int kRounds = 30;
#endif
constexpr unsigned kThreads = 4;
constexpr std::uint64_t kSteps = 15;  // of each thread; a compare-and-set is a read and a swap
const std::string kLetters = "rrrrssccccw";

std::uint64_t seed() {
  static const std::uint64_t once = std::random_device{}();
  return once;
}

/// The calls of all records on the root, its values numbered.
class History {
 public:
  void add(const Record& record) {
    for (const Call& call : record.calls) {
      if (call.outcome == Outcome::kRefused) continue;  // nothing of it took effect
      if (call.is_commit() || call.action == Action::kRead) add(call);
    }
  }
  const std::vector<RegisterCall>& calls() const { return calls_; }

  std::string to_text() const {
    std::ostringstream text;
    for (const RegisterCall& call : calls_) {
      text << "kind " << static_cast<int>(call.kind) << " value " << call.value << " expected "
           << call.expected << " succeeded " << call.succeeded << " from " << call.begin << " to "
           << call.end << "\n";
    }
    return text.str();
  }

 private:
  void add(const Call& call) {
    RegisterCall added;
    added.begin = call.begin_ns;
    added.end = call.outcome == Outcome::kUnknown ? RegisterCall::kNever : call.end_ns;
    added.succeeded = call.outcome == Outcome::kYes;
    added.value = number(call.is_commit() ? std::optional(call.root) : call.seen);
    added.expected = number(call.expected);
    if (call.action == Action::kSet) added.kind = RegisterCall::Kind::kWrite;
    if (call.action == Action::kCompareAndSet) added.kind = RegisterCall::Kind::kCompareAndSet;
    calls_.push_back(added);
  }

  RegisterValue number(const std::optional<AtomPointer>& root) {
    if (!root) return 0;
    return numbers_.try_emplace(*root, numbers_.size() + 1).first->second;
  }

  std::map<AtomPointer, RegisterValue> numbers_;
  std::vector<RegisterCall> calls_;
};

/// Several threads work on one storage; what they say, as a record.
Record run_threads(std::unique_ptr<SharedStorage> storage, const std::string& tag,
                   std::uint64_t round_seed) {
  std::mutex mutex;
  std::stringstream lines;
  Worker worker(
      tag, [&] { return std::move(storage); },
      [&](const std::string& line) {
        const std::lock_guard lock(mutex);
        lines << line;
      });
  worker.open();
  std::vector<std::jthread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&worker, thread, round_seed] {
      worker.run(thread, random_plan(kLetters, round_seed + thread, kSteps));
    });
  }
  threads.clear();  // joins
  worker.close();
  return read_record(lines);
}

void expect_linearizable(const History& history, std::uint64_t round_seed) {
  EXPECT_TRUE(testing::is_linearizable(history.calls())) << "seed " << round_seed << "\n"
                                                         << history.to_text();
}

TEST(RootHistory, OfThreadsInMemoryIsLinearizable) {
  std::size_t calls = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t round_seed = seed() + static_cast<std::uint64_t>(100 * round);
    History history;
    history.add(run_threads(std::make_unique<MemoryStorage>(), "m", round_seed));
    expect_linearizable(history, round_seed);
    calls += history.calls().size();
  }
  std::cout << "seed " << seed() << ": " << calls << " calls in " << kRounds << " histories\n";
  EXPECT_GT(calls, static_cast<std::size_t>(kRounds) * kThreads * kSteps * 3 / 4);
}

TEST(RootHistory, OfThreadsInADirectoryIsLinearizable) {
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t round_seed = seed() + static_cast<std::uint64_t>(100 * round);
    const TemporaryDirectory directory;
    History history;
    history.add(run_threads(std::make_unique<StandaloneFileStorage>(directory.at("space")), "f",
                            round_seed));
    expect_linearizable(history, round_seed);
  }
}

/// A process that works on the space, begun by the constructor.
class WorkerProcess final {
 public:
  WorkerProcess(const std::string& space, const std::string& tag, const std::string& letters,
                std::uint64_t plan_seed) {
    const std::string command = std::string("exec '" PROTOBASE_SOAK_WORKER "' work '") + space +
                                "' " + tag + " 2 1024 " + letters + " " +
                                std::to_string(plan_seed) + " " + std::to_string(kSteps);
    pipe_ = ::popen(command.c_str(), "r");
    if (pipe_ == nullptr) throw std::runtime_error("popen failed");
  }
  ~WorkerProcess() {
    if (pipe_ != nullptr) ::pclose(pipe_);
  }
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// Waits for its end.
  Record record() {
    std::stringstream lines;
    char buffer[4096];
    while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe_)) {
      lines.write(buffer, static_cast<std::streamsize>(n));
    }
    status_ = ::pclose(std::exchange(pipe_, nullptr));
    return read_record(lines);
  }
  /// Preconditions: record(). It either did all it was to do, or it killed itself.
  bool was_killed() const { return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL; }
  bool is_well() const { return status_ == 0; }

 private:
  std::FILE* pipe_ = nullptr;
  int status_ = 0;
};

/// What three processes of two threads each did; `deadly` ones may kill themselves at any moment.
std::vector<Record> run_processes(const std::string& space, std::uint64_t round_seed, bool deadly,
                                  int& killed) {
  std::vector<std::unique_ptr<WorkerProcess>> processes;
  for (int i = 0; i < 3; ++i) {
    processes.push_back(std::make_unique<WorkerProcess>(
        space, "p" + std::to_string(i), kLetters + (deadly ? "k" : ""),
        round_seed + static_cast<std::uint64_t>(10 * i)));
  }
  std::vector<Record> records;
  for (const auto& process : processes) {
    records.push_back(process->record());
    killed += process->was_killed() ? 1 : 0;
    EXPECT_TRUE(process->is_well() || (deadly && process->was_killed())) << "seed " << round_seed;
  }
  return records;
}

/// Runs rounds of processes; each history must be linearizable, also with what is read at the end.
int check_processes(bool deadly) {
  int killed = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t round_seed = seed() + static_cast<std::uint64_t>(100 * round);
    const TemporaryDirectory directory;
    const std::string space = directory.at("space");
    auto records = run_processes(space, round_seed, deadly, killed);
    records.push_back(run_threads(std::make_unique<StandaloneFileStorage>(space), "end", 1));
    History history;
    for (const Record& record : records) history.add(record);
    expect_linearizable(history, round_seed);
    StandaloneFileStorage storage(space);
    EXPECT_NO_THROW(judge(storage, records)) << "seed " << round_seed;
  }
  return killed;
}

TEST(RootHistory, OfProcessesIsLinearizable) { EXPECT_EQ(check_processes(false), 0); }

TEST(RootHistory, OfProcessesThatDieIsLinearizable) {
  EXPECT_GT(check_processes(true), kRounds) << "too few were killed to show anything";
}

}  // namespace
}  // namespace protobase::soak
