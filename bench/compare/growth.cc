// How the cost of ours grows: with the size of an atom, with how many there are, with threads and
// with WALs. Here: gets of what is in memory.
#include "growth.h"

#include <numeric>

namespace protobase::compare {
namespace {

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

void add_gets(Rows& rows, const std::string& row, std::shared_ptr<const Chain> chain, int threads,
              int gets) {
  rows.add(row, [=] { return chain->nanos(threads, gets); });
}

void get_by_size(const Run& run, const std::string& workload, Way way, JSON& results) {
  Rows rows(run, workload, "ns", "bytes an atom");
  for (const std::size_t size : kSizes) {
    const std::string row = std::to_string(size);
    add_gets(rows, row, std::make_shared<Chain>(rows.place(row), way, size, count_of(size)), 1,
             20'000);
  }
  rows.measure(run, results);
}

void get_by_atoms(const Run& run, const std::string& workload, Way way, JSON& results) {
  Rows rows(run, workload, "ns", "atoms");
  const std::size_t most = run.quick ? 1'000'000 : 10'000'000;
  for (std::size_t count = 10'000; count <= most; count *= 10) {
    const std::string row = std::to_string(count);
    add_gets(rows, row, std::make_shared<Chain>(rows.place(row), way, kRecord, count), 1, 100'000);
  }
  rows.measure(run, results);
}

void get_by_threads(const Run& run, JSON& results) {
  Rows rows(run, "growth_get_threads", "ns", "threads");
  const auto chain =
      std::make_shared<Chain>(rows.place("space"), Way::kBytesCache, kRecord, std::size_t{200'000});
  for (const int threads : {1, 2, 4, 8, 16}) {
    add_gets(rows, std::to_string(threads), chain, threads, 50'000);
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
    add_gets(rows, row,
             std::make_shared<Chain>(rows.place(row), way, kRecord, kCount,
                                     std::max(wal_max_size, at_least)),
             1, 20'000);
  }
  rows.measure(run, results);
}

}  // namespace

void run_growth(const Run& run, JSON& results) {
  measure_growth_of_writes(run, results);
  get_by_size(run, "growth_get_size_cache", Way::kBytesCache, results);
  get_by_size(run, "growth_get_size_pread", Way::kPread, results);
  get_by_size(run, "growth_get_size_mapped", Way::kMapped, results);
  get_by_atoms(run, "growth_get_atoms_cache", Way::kBytesCache, results);
  get_by_atoms(run, "growth_get_atoms_mapped", Way::kMapped, results);
  get_by_threads(run, results);
  get_by_wals(run, "growth_get_wals_pread", Way::kPread, results);
  get_by_wals(run, "growth_get_wals_mapped", Way::kMapped, results);
  measure_growth_of_spaces(run, results);
}

}  // namespace protobase::compare
