// How the cost of ours grows: with the size of an atom, with how many there are, with threads and
// with WALs. Each row is one value of that, and the rows take turns.
#include <numeric>

#include "protobase/protobase.h"
#include "workloads.h"

namespace protobase::compare {
namespace {

constexpr std::size_t kRecord = 200;
constexpr std::size_t kSizes[] = {16, 64, 200, 1024, 4096, 16 * 1024, 64 * 1024};

enum class Way { kBytesCache, kPread, kMapped };

StorageOptions options_of(Way way) {
  StorageOptions options;
  options.enable_atom_object_cache = false;
  options.enable_atom_bytes_cache = way == Way::kBytesCache;
  options.bytes_cache_max_bytes = std::size_t{16} << 30;
  options.bytes_cache_max_entries = std::size_t{1} << 40;
  return options;
}

std::unique_ptr<StandaloneFileStorage> open(const std::filesystem::path& directory, Way way,
                                            const StorageOptions& options) {
  FileBlockProviderOptions files;
  files.map_wals = way == Way::kMapped;
  return std::make_unique<StandaloneFileStorage>(
      std::make_shared<FileBlockProvider>(directory.string(), files), options);
}

/// A storage with records that lead from one to the next, in an order that jumps, and where they
/// are.
class Chain {
 public:
  Chain(const std::filesystem::path& directory, Way way, std::size_t size, std::size_t count,
        std::uint64_t wal_max_size = StorageOptions{}.wal_max_size) {
    StorageOptions options = options_of(way);
    options.wal_max_size = wal_max_size;
    if (way != Way::kBytesCache) {
      fill(*open(directory, way, options), size, count);  // closed, so that its buffer is gone
      storage_ = open(directory, way, options);
    } else {
      storage_ = open(directory, way, options);
      fill(*storage_, size, count);
    }
    static_cast<void>(nanos(1, static_cast<int>(std::min<std::size_t>(count, 1'000'000))));
  }

  /// Nanoseconds a get, of each of so many threads.
  double nanos(int threads, int gets) const {
    const double seconds = in_threads(threads, [&](int thread) {
      auto at =
          static_cast<Handle>(thread) * (pointers_.size() / static_cast<std::size_t>(threads));
      for (int i = 0; i < gets; ++i) at = touch(storage_->get_bytes(pointers_[at]).span());
    });
    return seconds * 1e9 / gets;
  }

 private:
  void fill(SharedStorage& storage, std::size_t size, std::size_t count) {
    auto record = sample_record(size);
    std::vector<std::uint32_t> order(count), next(count);
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
    for (std::size_t i = 0; i < count; ++i) next[order[i]] = order[(i + 1) % count];
    for (std::size_t i = 0; i < count; ++i) {
      set_next(record, next[i]);
      pointers_.push_back(storage.push_bytes(record));
    }
    storage.set_current_root(pointers_.back());
  }

  std::unique_ptr<StandaloneFileStorage> storage_;
  std::vector<AtomPointer> pointers_;
};

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

  std::filesystem::path place(const std::string& row) const {
    std::filesystem::create_directories(directory_ / row);
    return directory_ / row / "space";
  }
  void add(const std::string& row, std::function<double()> round) {
    entries_.push_back({row, std::move(round)});
  }
  void add_gets(const std::string& row, std::shared_ptr<const Chain> chain, int threads, int gets) {
    add(row, [=] { return chain->nanos(threads, gets); });
  }
  void measure(const Run& run, JSON& results) const {
    results.push_back(result(name_, unit_, take_turns(entries_, run.rounds(8), run.quick ? 1 : 20),
                             {{"rows", rows_}}));
  }

 private:
  std::filesystem::path directory_;
  std::string name_, unit_, rows_;
  std::vector<Entry> entries_;
};

/// How many of them are some megabytes, which no processor's cache holds.
std::size_t count_of(std::size_t size) {
  return std::clamp<std::size_t>((std::size_t{64} << 20) / size, 1000, 100'000);
}

void push_by_size(const Run& run, JSON& results) {
  Rows rows(run, "growth_push_size", "ns", "bytes an atom");
  for (const std::size_t size : kSizes) {
    const std::string row = std::to_string(size);
    rows.add(row, [record = sample_record(size), place = rows.place(row)] {
      const std::size_t count = count_of(record.size());
      StorageOptions options = options_of(Way::kPread);
      options.max_unflushed_bytes = std::uint64_t{1} << 30;  // a push waits for nothing
      const auto storage = open(place, Way::kPread, options);
      const Stopwatch watch;
      for (std::size_t i = 0; i < count; ++i) storage->push_bytes(record);
      const double nanos = watch.seconds() * 1e9 / static_cast<double>(count);
      storage->close();
      std::filesystem::remove_all(place);
      return nanos;
    });
  }
  rows.measure(run, results);
}

void commit_by_size(const Run& run, JSON& results) {
  Rows rows(run, "growth_commit_size", "us", "bytes an atom");
  for (const std::size_t size : kSizes) {
    const std::string row = std::to_string(size);
    const std::shared_ptr<SharedStorage> storage =
        open(rows.place(row), Way::kPread, options_of(Way::kPread));
    storage->reserve(std::uint64_t{32} << 20);
    rows.add(row, [record = sample_record(size), storage] {
      constexpr int kCommits = 20;
      std::vector<double> micros;
      for (int i = 0; i < kCommits; ++i) {
        const Stopwatch watch;
        storage->set_current_root(storage->push_bytes(record));
        micros.push_back(watch.seconds() * 1e6);
      }
      return median(std::move(micros));
    });
  }
  rows.measure(run, results);
}

void get_by_size(const Run& run, const std::string& workload, Way way, JSON& results) {
  Rows rows(run, workload, "ns", "bytes an atom");
  for (const std::size_t size : kSizes) {
    const std::string row = std::to_string(size);
    rows.add_gets(row, std::make_shared<Chain>(rows.place(row), way, size, count_of(size)), 1,
                  20'000);
  }
  rows.measure(run, results);
}

void get_by_atoms(const Run& run, const std::string& workload, Way way, JSON& results) {
  Rows rows(run, workload, "ns", "atoms");
  const std::size_t most = run.quick ? 1'000'000 : 10'000'000;
  for (std::size_t count = 10'000; count <= most; count *= 10) {
    const std::string row = std::to_string(count);
    rows.add_gets(row, std::make_shared<Chain>(rows.place(row), way, kRecord, count), 1, 100'000);
  }
  rows.measure(run, results);
}

void get_by_threads(const Run& run, JSON& results) {
  Rows rows(run, "growth_get_threads", "ns", "threads");
  const auto chain =
      std::make_shared<Chain>(rows.place("space"), Way::kBytesCache, kRecord, std::size_t{200'000});
  for (const int threads : {1, 2, 4, 8, 16}) {
    rows.add_gets(std::to_string(threads), chain, threads, 50'000);
  }
  rows.measure(run, results);
}

void commit_by_threads(const Run& run, JSON& results) {
  Rows rows(run, "growth_commit_threads", "commits/s", "threads");
  for (const int threads : {1, 2, 4, 8, 16, 32, 64}) {
    const std::string row = std::to_string(threads);
    const std::shared_ptr<SharedStorage> storage =
        open(rows.place(row), Way::kPread, options_of(Way::kPread));
    storage->reserve(std::uint64_t{16} << 20);
    rows.add(row, [storage, threads, record = sample_record(kRecord)] {
      const int each = std::max(20, 640 / threads);
      const double seconds = in_threads(threads, [&](int) {
        for (int i = 0; i < each; ++i) storage->set_current_root(storage->push_bytes(record));
      });
      return threads * each / seconds;
    });
  }
  rows.measure(run, results);
}

/// The same 200,000 records in so many WALs.
void get_by_wals(const Run& run, const std::string& workload, Way way, JSON& results) {
  constexpr std::size_t kCount = 200'000, kStored = 216;
  Rows rows(run, workload, "ns", "WALs");
  for (const std::size_t wals : {1, 10, 100, 200}) {
    const std::string row = std::to_string(wals);
    const std::uint64_t wal_max_size = kWALFirstRecordOffset + kCount * kStored / wals;
    const std::uint64_t at_least = std::uint64_t{64} << 10;
    rows.add_gets(row,
                  std::make_shared<Chain>(rows.place(row), way, kRecord, kCount,
                                          std::max(wal_max_size, at_least)),
                  1, 20'000);
  }
  rows.measure(run, results);
}

}  // namespace

void run_growth(const Run& run, JSON& results) {
  push_by_size(run, results);
  commit_by_size(run, results);
  get_by_size(run, "growth_get_size_cache", Way::kBytesCache, results);
  get_by_size(run, "growth_get_size_pread", Way::kPread, results);
  get_by_size(run, "growth_get_size_mapped", Way::kMapped, results);
  get_by_atoms(run, "growth_get_atoms_cache", Way::kBytesCache, results);
  get_by_atoms(run, "growth_get_atoms_mapped", Way::kMapped, results);
  get_by_threads(run, results);
  commit_by_threads(run, results);
  get_by_wals(run, "growth_get_wals_pread", Way::kPread, results);
  get_by_wals(run, "growth_get_wals_mapped", Way::kMapped, results);
}

}  // namespace protobase::compare
