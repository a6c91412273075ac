// Rounds, taken in turn by all contestants, and the results as JSON. The order is drawn anew for
// each round, so that none always follows the same other, and never itself.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "store.h"

namespace protobase::compare {

using JSON = nlohmann::ordered_json;

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A contestant in a workload: `round` measures once and returns the figure.
struct Entry {
  std::string name;
  std::function<double()> round;
};

inline constexpr int kFewestRounds = 5;

/// One figure per round and entry, after one round that is thrown away. When `budget_s` is used up,
/// as on a disk that is busy, kFewestRounds are enough.
inline std::map<std::string, std::vector<double>> take_turns(const std::vector<Entry>& entries,
                                                             int rounds, double budget_s = 60) {
  std::map<std::string, std::vector<double>> samples;
  std::vector<const Entry*> order;
  for (const Entry& entry : entries) order.push_back(&entry);
  std::mt19937_64 random(1);
  const Stopwatch watch;
  for (int round = -1; round < rounds; ++round) {
    if (round >= kFewestRounds && watch.seconds() > budget_s) break;
    // Two take turns; who came last still has its things in the processor's caches.
    const Entry* const last = order.back();
    do {
      if (order.size() > 2) std::shuffle(order.begin(), order.end(), random);
    } while (order.size() > 2 && order.front() == last);
    for (const Entry* const entry : order) {
      const double figure = entry->round();
      if (round >= 0) samples[entry->name].push_back(figure);
    }
  }
  return samples;
}

/// One workload's part of the results.
inline JSON result(const std::string& workload, const std::string& unit,
                   const std::map<std::string, std::vector<double>>& samples,
                   const JSON& extra = JSON::object()) {
  return {{"workload", workload}, {"unit", unit}, {"samples", samples}, {"extra", extra}};
}

double median(std::vector<double> values);

/// Runs `work(thread)` in each and returns the seconds from the start of the first, when all are
/// there, to the end of the last.
double in_threads(int threads, const std::function<void(int)>& work);

/// Bytes this process has had read from the disk.
std::uint64_t disk_read_bytes();
/// Resident memory now and at its highest, in bytes.
std::uint64_t resident_bytes();
std::uint64_t peak_resident_bytes();
void forget_peak();  ///< peak_resident_bytes() begins again with what is resident now
/// The part of resident_bytes() that no file is behind.
std::uint64_t anonymous_bytes();
/// The part of anonymous_bytes() that the kernel may take back when it likes (MADV_FREE).
std::uint64_t spare_bytes();
/// Drops every file below from the page cache; the data are synced first.
void drop_page_cache(const std::filesystem::path& directory);

/// What is asked for on the command line.
struct Run {
  std::filesystem::path directory;
  bool quick = false;
  std::string store;        ///< for the life-cycle commands
  std::uint64_t atoms = 0;  ///< for the life-cycle commands
  bool kill = false;        ///< populate: end as by SIGKILL
  bool create = true;
  int rounds(int full) const { return quick ? std::max(5, full / 2) : full; }
  /// In a directory of that name below the run's; map_wals and the like as its last part says.
  StoreSettings settings(const std::string& name) const;
};

/// take_turns() of a workload that writes. It waits, but in a quick run, until the disk syncs a
/// small write as fast as one that has rested: a virtual one that was written much to is slowed
/// down for a minute, and all contestants look alike then. Says in `sync_us` how long a sync took
/// before and after.
JSON disk_result(const Run& run, const std::string& workload, const std::string& unit,
                 const std::vector<Entry>& entries, int rounds, double budget_s = 60);

/// `size` bytes that do not compress, the first eight free for a handle.
std::vector<std::byte> sample_record(std::size_t size);
inline void set_next(std::vector<std::byte>& record, Handle next) {
  std::memcpy(record.data(), &next, sizeof next);
}

}  // namespace protobase::compare
