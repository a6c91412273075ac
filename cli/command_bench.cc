// `protobase bench`: a few seconds of pushing, committing and getting, measured.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/open_space.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kAtoms = 100'000;
constexpr std::size_t kPayloadTextBytes = 160;  // about 200 B as JSON, the typical small atom
constexpr std::size_t kGets = 20'000;
constexpr std::size_t kCommitThreads = 16;
constexpr auto kPhaseLimit = std::chrono::seconds(1);

struct BenchOptions {
  std::string space;
  bool json = false;
};

/// One line of the result: so many operations, how long all took, how long each (sorted).
struct Measurement {
  std::string name;
  double seconds = 0;
  std::vector<double> each_seconds;
  std::uint64_t syncs = 0;  ///< waits for the disk; of n threads at most n commits share one

  double per_second() const { return static_cast<double>(each_seconds.size()) / seconds; }
  double percentile(double share) const {
    const auto last = static_cast<double>(each_seconds.size() - 1);
    return each_seconds[static_cast<std::size_t>(share * last)];
  }
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Atom sample_atom(std::size_t number) {
  return Atom::object({{"className", "BenchSample"},
                       {"number", number},
                       {"text", std::string(kPayloadTextBytes, 'x')}});
}

/// Runs `operation` up to `most` times, or until the phase has had its time.
Measurement measure(std::string name, std::size_t most,
                    const std::function<void(std::size_t)>& operation) {
  Measurement result{std::move(name), 0, {}, 0};
  result.each_seconds.reserve(most);
  const auto start = Clock::now();
  for (std::size_t i = 0; i < most && Clock::now() - start < kPhaseLimit; ++i) {
    const auto begin = Clock::now();
    operation(i);
    result.each_seconds.push_back(seconds_since(begin));
  }
  result.seconds = seconds_since(start);
  std::ranges::sort(result.each_seconds);
  return result;
}

void push_and_commit(SharedStorage& storage, std::size_t number) {
  storage.set_current_root(storage.push_atom(sample_atom(number)));
}

/// Commits from many threads at once; an operation is one commit of one thread.
Measurement measure_concurrent_commits(SharedStorage& storage) {
  std::vector<Measurement> parts(kCommitThreads);
  std::vector<std::exception_ptr> errors(kCommitThreads);
  const auto start = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kCommitThreads; ++t) {
      threads.emplace_back([&, t] {
        try {
          parts[t] = measure({}, kAtoms, [&](std::size_t i) { push_and_commit(storage, i); });
        } catch (const std::exception&) {
          errors[t] = std::current_exception();
        }
      });
    }
  }
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  Measurement all{fmt::format("commit, {} threads", kCommitThreads), seconds_since(start), {}, 0};
  for (const Measurement& part : parts) {
    all.each_seconds.insert(all.each_seconds.end(), part.each_seconds.begin(),
                            part.each_seconds.end());
  }
  std::ranges::sort(all.each_seconds);
  return all;
}

std::vector<AtomPointer> shuffled(std::vector<AtomPointer> pointers) {
  std::shuffle(pointers.begin(), pointers.end(), std::mt19937_64(1));  // the same order in each run
  return pointers;
}

Measurement measure_gets(std::string name, SharedStorage& storage,
                         const std::vector<AtomPointer>& pointers) {
  const std::size_t count = std::min(kGets, pointers.size());
  return measure(std::move(name), count, [&](std::size_t i) { storage.get_atom(pointers[i]); });
}

/// A phase that waits for the medium, with how often it did.
Measurement with_syncs(SharedStorage& storage, const std::function<Measurement()>& phase) {
  const std::uint64_t before = storage.stats().syncs;
  Measurement result = phase();
  result.syncs = storage.stats().syncs - before;
  return result;
}

Measurement measure_hot_gets(SharedStorage& storage, const std::vector<AtomPointer>& pointers) {
  measure_gets("warm up", storage, pointers);
  return measure_gets("get, hot", storage, pointers);
}

/// Fills the space; `pointers` are those of the atoms pushed, for the phases that get.
std::vector<Measurement> run_writing_phases(SharedStorage& storage,
                                            std::vector<AtomPointer>& pointers) {
  std::vector<Measurement> results;
  results.push_back(measure("push", kAtoms, [&](std::size_t i) {
    pointers.push_back(storage.push_atom(sample_atom(i)));
  }));
  storage.set_current_root(pointers.back());
  results.push_back(with_syncs(storage, [&] {
    return measure("commit, 1 thread", kAtoms, [&](std::size_t i) { push_and_commit(storage, i); });
  }));
  results.push_back(with_syncs(storage, [&] { return measure_concurrent_commits(storage); }));
  return results;
}

std::vector<Measurement> run_phases(const Location& location) {
  std::vector<AtomPointer> pointers;
  const OpenSpace storage = open_for_writing(location);
  std::vector<Measurement> results = run_writing_phases(*storage, pointers);
  pointers = shuffled(std::move(pointers));
  results.push_back(measure_hot_gets(*storage, pointers));
  storage->close();
  const OpenSpace reopened = open_for_reading(location, Caches::kOff);
  results.push_back(measure_gets("get, cold", *reopened, pointers));
  reopened->close();
  return results;
}

Atom to_atom(const std::vector<Measurement>& results) {
  Atom::Array rows;
  for (const Measurement& row : results) {
    rows.push_back(Atom::object({{"name", row.name},
                                 {"operations", row.each_seconds.size()},
                                 {"seconds", row.seconds},
                                 {"syncs", row.syncs},
                                 {"per_second", row.per_second()},
                                 {"p50_us", row.percentile(0.50) * 1e6},
                                 {"p99_us", row.percentile(0.99) * 1e6}}));
  }
  return Atom::object(
      {{"atom_bytes", sample_atom(0).to_json().size()}, {"results", Atom::array(rows)}});
}

void print_table(const std::vector<Measurement>& results, Output& out) {
  out.write_line(fmt::format("{:<19} {:>10} {:>12} {:>10} {:>10} {:>9}", "", "operations",
                             "per second", "p50", "p99", "syncs"));
  for (const Measurement& row : results) {
    out.write_line(fmt::format("{:<19} {:>10} {:>12} {:>10} {:>10} {:>9}", row.name,
                               human_count(row.each_seconds.size()),
                               human_count(static_cast<std::uint64_t>(row.per_second())),
                               human_duration(row.percentile(0.50)),
                               human_duration(row.percentile(0.99)), human_count(row.syncs)));
  }
}

void bench(const BenchOptions& options, Output& out) {
  const Location location = parse_location(options.space);
  if (!is_free(location)) {
    throw ValidationError(options.space +
                          ": is not empty; bench fills a space of its own, name a new one");
  }
  const std::vector<Measurement> results = run_phases(location);
  if (options.json) {
    out.write_line(to_atom(results).to_json());
  } else {
    print_table(results, out);
  }
}

constexpr auto kFooter =
    R"text(Takes about five seconds. SPACE must be absent or empty; the measured space is left there
and may be deleted. Atoms of about 200 bytes. A commit is one atom pushed and made the
root, durable; syncs are the waits for the disk (in a bucket: requests that put a commit),
which commits of several threads share.
On many virtual machines one sync takes far longer while the processors are idle than
while they are busy: compare the two rows of commits by their syncs, not by their times.
Hot gets find the atom decoded in the cache; cold ones have the caches off and read from
the system's page cache, or by one request each from the bucket.

Example:
  protobase bench /var/tmp/bench-space)text";

}  // namespace

void add_bench_command(CommandLine& line) {
  auto options = std::make_shared<BenchOptions>();
  line.add_command("bench", "Measure this machine for a few seconds",
                   [options](Output& out) { bench(*options, out); })
      .positional("SPACE", options->space, "A new directory or prefix to measure in")
      .flag("--json", options->json, "Print one JSON object")
      .footer(kFooter);
}

}  // namespace protobase::cli
