// What the files of the group `growth` share: rows that take turns, each one value of what grows.
#pragma once

#include "protobase/protobase.h"
#include "workloads.h"

namespace protobase::compare {

inline constexpr std::size_t kRecord = 200;
inline constexpr std::size_t kSizes[] = {16, 64, 200, 1024, 4096, 16 * 1024, 64 * 1024};

enum class Way { kBytesCache, kPread, kMapped };

inline StorageOptions options_of(Way way) {
  StorageOptions options;
  options.enable_atom_object_cache = false;
  options.enable_atom_bytes_cache = way == Way::kBytesCache;
  options.bytes_cache_max_bytes = std::size_t{16} << 30;
  options.bytes_cache_max_entries = std::size_t{1} << 40;
  return options;
}

inline std::unique_ptr<StandaloneFileStorage> open(const std::filesystem::path& directory, Way way,
                                                   const StorageOptions& options) {
  FileBlockProviderOptions files;
  files.map_wals = way == Way::kMapped;
  return std::make_unique<StandaloneFileStorage>(
      std::make_shared<FileBlockProvider>(directory.string(), files), options);
}

/// How many of them are some megabytes, which no processor's cache holds.
inline std::size_t count_of(std::size_t size) {
  return std::clamp<std::size_t>((std::size_t{64} << 20) / size, 1000, 100'000);
}

/// The median microseconds of a few commits of one atom.
inline double commit_us(SharedStorage& storage, const std::vector<std::byte>& record) {
  constexpr int kCommits = 20;
  std::vector<double> micros;
  for (int i = 0; i < kCommits; ++i) {
    const Stopwatch watch;
    storage.set_current_root(storage.push_bytes(record));
    micros.push_back(watch.seconds() * 1e6);
  }
  return median(std::move(micros));
}

/// The rows of one workload, which lie in a directory each until they are measured.
class Rows {
 public:
  /// `rows`: what the numbers that are the names of rows count.
  Rows(const Run& run, std::string workload, std::string unit, std::string rows)
      : directory_(run.directory / workload),
        name_(std::move(workload)),
        unit_(std::move(unit)),
        rows_(std::move(rows)) {}
  ~Rows() {
    entries_.clear();
    std::filesystem::remove_all(directory_);
  }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  /// A directory for a space, which is not there yet.
  std::filesystem::path place(const std::string& row) const {
    std::filesystem::create_directories(directory_ / row);
    return directory_ / row / "space";
  }
  void add(const std::string& row, std::function<double()> round) {
    entries_.push_back({row, std::move(round)});
  }
  void measure(const Run& run, JSON& results) const {
    results.push_back(result(name_, unit_, take_turns(entries_, run.rounds(8), budget_s(run)),
                             {{"rows", rows_}}));
  }
  /// Of rows that write: on a disk that has rested.
  void measure_on_disk(const Run& run, JSON& results) const {
    JSON measured = disk_result(run, name_, unit_, entries_, run.rounds(8), budget_s(run));
    measured["extra"]["rows"] = rows_;
    results.push_back(std::move(measured));
  }

 private:
  static double budget_s(const Run& run) { return run.quick ? 1 : 20; }

  std::filesystem::path directory_;
  std::string name_, unit_, rows_;
  std::vector<Entry> entries_;
};

void measure_growth_of_writes(const Run& run, JSON& results);  // growth_writes.cc
void measure_growth_of_spaces(const Run& run, JSON& results);  // growth_spaces.cc

}  // namespace protobase::compare
