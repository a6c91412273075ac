// The process that the kill tests, the soak and the power cut start, kill, stop and start again. It
// works on a space and writes the record of what it does to standard output; or it judges a space.
//
//   SPACE: a directory, or a bucket as the command line takes it, with short timeouts
//
//   soak_worker work SPACE TAG THREADS WAL_KIB LETTERS [SEED STEPS]
//       runs the letters (worker.h) once, or with a seed so many random ones of them in each
//       thread (0: without end); "-": as they come from standard input
//   soak_worker check SPACE TAG WAL_KIB RECORD...
//       opens the space, judges it by the records, and commits something new to it; reads in a
//       bucket may have seen older roots
//   soak_worker verify SPACE
//       reads and checks everything, as a reader beside the others
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"
#include "test/soak/bucket.h"
#include "test/soak/judge.h"
#include "test/soak/record.h"
#include "test/soak/worker.h"

namespace protobase::soak {
namespace {

using Arguments = std::vector<std::string>;

/// One write for a line, so that lines of several threads do not mix and none is lost by a kill.
void report_to_stdout(const std::string& line) {
  ssize_t written;
  do {
    written = ::write(STDOUT_FILENO, line.data(), line.size());
  } while (written < 0 && errno == EINTR);
  if (written != static_cast<ssize_t>(line.size())) {
    throw std::system_error(errno, std::generic_category(), "nobody takes the report");
  }
}

/// Of `work`: other than 0, because it broke off, and other than 1, because nothing is wrong.
constexpr int kBrokeOff = 3;

std::unique_ptr<SharedStorage> open(const std::string& space, const std::string& wal_kib) {
  StorageOptions options;
  options.buffer_size = 4096;
  options.max_unflushed_bytes = 64 * 1024;
  options.wal_max_size = std::stoul(wal_kib) * 1024;
  options.root_lock_timeout_ms = 500;
  options.logger = [](LogLevel level, std::string_view message) {
    if (level == LogLevel::kInfo) return;
    std::fprintf(stderr, "log: %.*s\n", static_cast<int>(message.size()), message.data());
  };
  if (is_bucket(space)) {
    options.enable_atom_object_cache = options.enable_atom_bytes_cache = false;
    return open_bucket(space, options, SpaceAccess::kReadWrite);
  }
  return std::make_unique<StandaloneFileStorage>(space, options);
}

Plan plan_from_stdin() {
  return [] {
    char letter = 0;
    return ::read(STDIN_FILENO, &letter, 1) == 1 ? letter : '\0';
  };
}

/// The plan of one thread.
Plan plan_of(const Arguments& arguments, unsigned thread) {
  const std::string& letters = arguments[4];
  if (letters == "-") return plan_from_stdin();
  if (arguments.size() == 5) return fixed_plan(letters);
  return random_plan(letters, std::stoull(arguments[5]) + thread, std::stoull(arguments[6]));
}

int work(const Arguments& arguments) {
  if (arguments.size() != 5 && arguments.size() != 7) throw std::invalid_argument("work");
  Worker worker(
      arguments[1], [&] { return open(arguments[0], arguments[3]); }, report_to_stdout,
      is_bucket(arguments[0]) ? Merge(merge_bucket) : nullptr);
  worker.open();
  const unsigned threads = static_cast<unsigned>(std::stoul(arguments[2]));
  std::vector<std::exception_ptr> errors(threads);
  {
    std::vector<std::jthread> running;
    for (unsigned thread = 0; thread < threads; ++thread) {
      running.emplace_back([&, thread] {
        try {
          worker.run(thread, plan_of(arguments, thread));
        } catch (const std::exception&) {
          errors[thread] = std::current_exception();
        }
      });
    }
  }
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  if (!worker.is_over()) worker.close();
  return 0;
}

/// A store in a bucket cannot be used while its requests fail; that breaks no promise.
int work_in_bucket(const Arguments& arguments) {
  try {
    return work(arguments);
  } catch (const ProtoBaseError& error) {
    std::fprintf(stderr, "broke off: %s\n", error.what());
    return kBrokeOff;
  }
}

std::vector<Record> read_records(std::span<const std::string> paths) {
  std::vector<Record> records;
  for (const std::string& path : paths) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(path + ": cannot be read");
    records.push_back(read_record(file));
  }
  return records;
}

int check(const Arguments& arguments) {
  if (arguments.size() < 3) throw std::invalid_argument("check");
  const auto records = read_records(std::span(arguments).subspan(3));
  const auto open_and_judge = [&] {
    auto storage = open(arguments[0], arguments[2]);
    const Reads reads = is_bucket(arguments[0]) ? Reads::kMayBeOld : Reads::kNewest;
    const Judgement found = judge(*storage, records, reads);
    std::fprintf(stderr, "judged: %zu commits %zu acknowledged %zu atoms %zu reads\n",
                 static_cast<std::size_t>(found.commits),
                 static_cast<std::size_t>(found.acknowledged),
                 static_cast<std::size_t>(found.atoms), static_cast<std::size_t>(found.reads));
    return storage;
  };
  Worker worker(arguments[1], open_and_judge, report_to_stdout);
  worker.open();
  worker.run(0, fixed_plan("psr"));
  worker.close();
  return 0;
}

int verify(const Arguments& arguments) {
  if (arguments.size() != 1) throw std::invalid_argument("verify");
  const std::unique_ptr<SharedStorage> storage =
      is_bucket(arguments[0]) ? open_bucket(arguments[0], {}, SpaceAccess::kReadOnly)
                              : std::make_unique<StandaloneFileStorage>(
                                    arguments[0], StorageOptions{}, SpaceAccess::kReadOnly);
  const VerifyReport report = storage->verify({});
  for (const auto& bad : report.bad) {
    std::fprintf(stderr, "bad: %s: %s\n", bad.pointer.to_string().c_str(), bad.reason.c_str());
  }
  return report.bad_places == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
  const Arguments arguments(argv + std::min(argc, 2), argv + argc);
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "work" && arguments.size() > 1 && is_bucket(arguments[0])) {
    return work_in_bucket(arguments);
  }
  if (mode == "work") return work(arguments);
  if (mode == "check") return check(arguments);
  if (mode == "verify") return verify(arguments);
  throw std::invalid_argument("work, check or verify");
}

}  // namespace
}  // namespace protobase::soak

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a harness that is killed leaves nobody behind
  try {
    return protobase::soak::run(argc, argv);
  } catch (const protobase::soak::Violation& violation) {
    std::fprintf(stderr, "VIOLATION: %s\n", violation.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "soak_worker: %s\n", error.what());
  }
  return 1;
}
