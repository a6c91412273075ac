// Every file-system call of short workloads fails in turn: once or for good, with a full disk or an
// I/O error, writes also half way. What is promised: the call that meets it throws what storage.h
// says; a full disk costs nothing but the call; after an I/O error no write is acknowledged that is
// not there; reading goes on; whoever opens the space later, or shares it, finds every acknowledged
// commit.
#include <gtest/gtest.h>

#include <iostream>
#include <map>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"
#include "test/crash/oracle.h"
#include "test/crash/workload.h"
#include "testing/fault_file_system.h"
#include "testing/memory_file_system.h"

namespace protobase::crash {
namespace {

using ::protobase::testing::Fault;
using ::protobase::testing::FaultFileSystem;
using ::protobase::testing::FileCall;
using ::protobase::testing::MemoryFileSystem;
using ::protobase::testing::Outcome;

constexpr std::uint64_t kSeed = 77;
// Every so many calls fail in turn: all of them, but for a sanitized build, which is slow.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kCallStep = 41;
#else
constexpr std::size_t kCallStep = 1;
#endif

std::vector<std::vector<Step>> workloads() {
  using enum Step;
  return {{kPushSmall, kFlush, kCommit},
          {kPushLarge, kCommit, kCommit},
          {kCommit, kCompareAndSet, kFlush},
          {kCommit, kRollOver, kCommit},
          {kRollOver, kRollOver, kCommit},
          {kCommit, kReopen, kCommit},
          {kPushSmall, kReopen, kCompareAndSet},
          {kSecondCommit, kCommit, kCommit},
          {kCommit, kSecondCommit, kRollOver, kCommit}};
}

std::string to_text(const Fault& fault) {
  return std::string(fault.error == Fault::Error::kNoSpace ? "disk full" : "I/O error") +
         (fault.for_good ? " for good" : " once") + (fault.half_write ? ", half written" : "");
}

/// What the workload finds.
enum class Start { kNothing, kClosedSpace, kKilledInCommit };
const char* to_text(Start start) {
  static constexpr const char* kNames[] = {"new space", "closed space", "killed in a commit"};
  return kNames[static_cast<int>(start)];
}

std::shared_ptr<MemoryFileSystem> prepare(Start start, Oracle& oracle) {
  auto files = std::make_shared<MemoryFileSystem>();
  if (start == Start::kNothing) return files;
  World world(files, files, kSeed + 100);
  world.open();
  world.run(Step::kCommit);
  if (start == Start::kClosedSpace) {
    world.close_all();
    oracle = world.oracle();
    return files;
  }
  std::shared_ptr<MemoryFileSystem> killed;
  files->set_before_change([&](const std::string& call) {
    if (!call.starts_with("sync_data")) return;
    killed = files->clone();
    oracle = world.oracle();
  });
  world.run(Step::kPushLarge);
  world.run(Step::kCommit);
  return killed;
}

/// One workload with one fault, and everything that must hold afterwards.
class FaultRun {
 public:
  FaultRun(const std::vector<Step>& steps, Start start)
      : steps_(steps), memory_(prepare(start, prepared_)) {
    world_.oracle() = prepared_;
    files_->set_on_failed_sync([this](const std::string& path) { memory_->drop_unsynced(path); });
  }

  /// The calls of the workload when nothing fails.
  std::vector<FileCall> dry_run() {
    files_->set_fault(std::nullopt);
    run_steps();
    world_.close_all();
    return files_->calls();
  }

  void run(const Fault& fault) {
    files_->set_fault(fault);
    run_steps();
    if (files_->hits() == 0) close();
    const std::string hit = files_->first_hit();
    if (hit.empty()) throw Violation("the fault was not hit");
    read_on();
    files_->heal();
    if (only_full_) work_again(/*verify=*/!fault.half_write);
    second_goes_on();
    const auto killed = memory_->clone();
    check(killed, "after a kill");
    power_cut("before closing");
    close();
    check(memory_->clone(), "after closing");
    power_cut("after closing");
  }

  const std::map<std::string, int>& errors() const { return errors_; }
  const std::string& messages() const { return messages_; }

 private:
  void run_steps() {
    attempt("open", [&] { world_.open(); });
    for (const Step step : steps_) {
      if (!world_.storage(0)) attempt("open again", [&] { world_.open(); });
      if (!world_.storage(0)) continue;
      attempt(to_text(step), [&] { world_.run(step); });
    }
  }

  void close() {
    attempt("close", [&] { world_.close_all(); });
  }

  /// Runs a call that may fail; only with an error of the documented kinds, and only by the fault.
  template <typename Call>
  void attempt(const std::string& what, Call call) {
    try {
      call();
      return;
    } catch (const Violation&) {
      throw;
    } catch (const NoSpaceError& error) {
      note(what + ": NoSpaceError");
      messages_ += "\n    " + what + ": NoSpaceError: " + error.what();
    } catch (const OutcomeUnknownError& error) {
      note(what + ": OutcomeUnknownError");
      only_full_ = false;
      messages_ += "\n    " + what + ": OutcomeUnknownError: " + error.what();
    } catch (const UnexpectedError& error) {
      note(what + ": UnexpectedError");
      only_full_ = false;
      messages_ += "\n    " + what + ": UnexpectedError: " + error.what();
    } catch (const ProtoBaseError& error) {
      throw Violation(what + " throws code " + std::to_string(error.code()) + ": " + error.what());
    }
    if (files_->hits() == 0) throw Violation(what + " fails before the fault:" + messages_);
  }

  void note(const std::string& error) { ++errors_[error]; }

  /// Reading atoms does not depend on whether the disk takes writes. Telling the root may: what
  /// another has written must be made durable before it is told.
  void read_on() {
    SharedStorage* storage = world_.storage(0);
    if (!storage) return;
    world_.oracle().check_durable_atoms(*storage);
    std::optional<AtomPointer> root;
    try {
      root = storage->read_current_root();
    } catch (const UnexpectedError& error) {
      messages_ += std::string("\n    read_current_root: ") + error.what();
      note("read_current_root: UnexpectedError");
      return;
    }
    if (root != world_.oracle().acknowledged_root() && world_.oracle().is_certain()) {
      throw Violation("the root read after the fault is not the acknowledged one");
    }
  }

  /// Nothing but "no space" was answered: with space again the same storage works, with every atom.
  /// Half a checkpoint stays in the header until the next open, so verify may tell of it.
  void work_again(bool verify) {
    if (!world_.storage(0)) world_.open();
    world_.commit(0);
    world_.oracle().check(*world_.storage(0), verify);
  }

  /// Another process on the same directory, whose disk calls work.
  void second_goes_on() {
    world_.run(Step::kSecondCommit);
    world_.oracle().check_durable_atoms(*world_.storage(1));
  }

  void check(std::shared_ptr<os::FileSystem> files, const std::string& when) {
    try {
      const auto storage = open_storage(std::move(files), kSeed + 7);
      world_.oracle().check(*storage);
      const AtomPointer root = storage->push_bytes(as_bytes("new"));
      storage->set_current_root(root);
      storage->close();
    } catch (const std::exception& error) {
      throw Violation(when + ": " + error.what());
    }
  }

  void power_cut(const std::string& when) {
    const auto uncertain = memory_->uncertainties().size();
    for (const auto fate : {Outcome::Fate::kLost, Outcome::Fate::kKept}) {
      const std::vector<Outcome> outcomes(uncertain, Outcome{fate, 0});
      check(memory_->crash_clone(outcomes),
            "power cut " + when +
                (fate == Outcome::Fate::kLost ? ", unsynced lost" : ", unsynced kept"));
    }
  }

 private:
  const std::vector<Step> steps_;
  std::string messages_;
  Oracle prepared_;
  const std::shared_ptr<MemoryFileSystem> memory_;
  const std::shared_ptr<FaultFileSystem> files_ = std::make_shared<FaultFileSystem>(memory_);
  World world_{files_, memory_, kSeed};
  bool only_full_ = true;
  std::map<std::string, int> errors_;
};

std::vector<Fault> faults_for(FileCall call, std::uint64_t number) {
  std::vector<Fault> faults;
  for (const auto error : {Fault::Error::kIO, Fault::Error::kNoSpace}) {
    if (error == Fault::Error::kNoSpace && !::protobase::testing::takes_space(call)) continue;
    for (const bool for_good : {false, true}) {
      faults.push_back({number, error, for_good, false});
      if (call == FileCall::kWrite) faults.push_back({number, error, for_good, true});
    }
  }
  return faults;
}

/// What went wrong without ids and numbers, so that each kind is told once.
std::string kind_of(const std::string& what) {
  std::string kind;
  for (const char c : what) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0 && c != '-') kind += c;
  }
  return kind;
}

class Report {
 public:
  void run(const std::vector<Step>& steps, Start start, FileCall call, const Fault& fault) {
    FaultRun run(steps, start);
    ++runs_;
    try {
      run.run(fault);
    } catch (const std::exception& error) {
      auto& [text, count] = failures_[kind_of(error.what())];
      if (count++ == 0) {
        text = std::string(to_text(start)) + ": " + to_text(steps) + "\n  call " +
               std::to_string(fault.at_call) + " (" + ::protobase::testing::to_text(call) +
               "): " + to_text(fault) + run.messages() + "\n  => " + error.what();
      }
    }
    for (const auto& [what, count] : run.errors()) errors_[what] += count;
  }

  void tell() const {
    std::cout << "seed " << kSeed << ": " << runs_ << " runs, each with its fault hit; answers:\n";
    for (const auto& [what, count] : errors_) std::cout << "  " << what << " x " << count << "\n";
    for (const auto& [kind, failure] : failures_) {
      ADD_FAILURE() << failure.first << "\n  (" << failure.second << " like this)";
    }
  }

 private:
  std::uint64_t runs_ = 0;
  std::map<std::string, std::pair<std::string, std::uint64_t>> failures_;
  std::map<std::string, int> errors_;
};

TEST(Fault, EveryCallFailsInTurn) {
  Report report;
  for (const Start start : {Start::kNothing, Start::kClosedSpace, Start::kKilledInCommit}) {
    for (const auto& steps : workloads()) {
      std::vector<FileCall> calls;
      try {
        calls = FaultRun(steps, start).dry_run();
      } catch (const std::exception& error) {
        ADD_FAILURE() << to_text(steps) << " fails without a fault: " << error.what();
      }
      for (std::size_t n = 0; n < calls.size(); n += kCallStep) {
        if (calls[n] == FileCall::kUnlock) continue;  // of a lock one holds does not fail
        for (const Fault& fault : faults_for(calls[n], n + 1))
          report.run(steps, start, calls[n], fault);
      }
    }
  }
  report.tell();
}

}  // namespace
}  // namespace protobase::crash
