// How commits, openings and cold gets grow with what a space already holds.
#include <algorithm>
#include <random>

#include "growth.h"

namespace protobase::compare {
namespace {

/// Makes a space of so many atoms and closes it; where they are.
std::vector<AtomPointer> fill(const std::filesystem::path& space, std::size_t size,
                              std::size_t count,
                              std::uint64_t wal_max_size = StorageOptions{}.wal_max_size) {
  StorageOptions options = options_of(Way::kPread);
  options.wal_max_size = wal_max_size;
  const auto storage = open(space, Way::kPread, options);
  const auto record = sample_record(size);
  std::vector<AtomPointer> pointers;
  for (std::size_t i = 0; i < count; ++i) pointers.push_back(storage->push_bytes(record));
  storage->set_current_root(pointers.back());
  return pointers;
}

void add_openings(Rows& rows, const std::string& row, const std::filesystem::path& space) {
  rows.add(row, [space] {
    const Stopwatch watch;
    const auto storage = open(space, Way::kPread, options_of(Way::kPread));
    return watch.seconds() * 1e3;
  });
}

void add_commits(Rows& rows, const std::string& row, const std::filesystem::path& space) {
  const std::shared_ptr<SharedStorage> storage = open(space, Way::kPread, options_of(Way::kPread));
  storage->reserve(std::uint64_t{32} << 20);
  rows.add(row, [storage, record = sample_record(kRecord)] { return commit_us(*storage, record); });
}

/// Openings after a clean close, then commits, of the same spaces.
void by_atoms(const Run& run, JSON& results) {
  Rows openings(run, "growth_open_atoms", "ms", "atoms");
  Rows commits(run, "growth_commit_atoms", "us", "atoms");
  std::vector<std::size_t> counts = {10'000, 100'000, 1'000'000};
  if (!run.quick) counts.push_back(10'000'000);
  for (const std::size_t count : counts) {
    const std::string row = std::to_string(count);
    fill(openings.place(row), kRecord, count);
    add_openings(openings, row, openings.place(row));
  }
  openings.measure(run, results);
  for (const std::size_t count : counts) {
    const std::string row = std::to_string(count);
    add_commits(commits, row, openings.place(row));
  }
  commits.measure_on_disk(run, results);
}

/// The same 200,000 atoms in so many WALs. What is committed goes into the last of them.
void commit_by_wals(const Run& run, JSON& results) {
  constexpr std::size_t kCount = 200'000, kStored = 216;
  Rows rows(run, "growth_commit_wals", "us", "WALs");
  for (const std::size_t wals : {1, 10, 100}) {
    const std::string row = std::to_string(wals);
    fill(rows.place(row), kRecord, kCount, kWALFirstRecordOffset + kCount * kStored / wals);
    add_commits(rows, row, rows.place(row));
  }
  rows.measure_on_disk(run, results);
}

/// Microseconds of a random get of what is not in memory.
double cold_get_us(const std::filesystem::path& space, const std::vector<AtomPointer>& pointers,
                   std::mt19937_64& random) {
  constexpr int kGets = 500;
  constexpr std::uint64_t kColdEnough = 3000;  // a page each, but for the few that share one
  drop_page_cache(space);
  const auto storage = open(space, Way::kPread, options_of(Way::kPread));
  const std::uint64_t before = disk_read_bytes();
  const Stopwatch watch;
  for (int i = 0; i < kGets; ++i) {
    touch(storage->get_bytes(pointers[random() % pointers.size()]).span());
  }
  const double micros = watch.seconds() * 1e6 / kGets;
  if (disk_read_bytes() - before < kGets * kColdEnough) {
    throw std::runtime_error("growth: the page cache was warm");
  }
  return micros;
}

void cold_get_by_size(const Run& run, JSON& results) {
  constexpr std::size_t kStored = std::size_t{256} << 20;
  Rows rows(run, "growth_get_size_cold", "us", "bytes an atom");
  for (const std::size_t size : {kRecord, std::size_t{4096}, std::size_t{65536}}) {
    const std::string row = std::to_string(size);
    rows.add(row, [space = rows.place(row), pointers = fill(rows.place(row), size, kStored / size),
                   random = std::mt19937_64(1)]() mutable {
      return cold_get_us(space, pointers, random);
    });
  }
  rows.measure(run, results);
}

}  // namespace

void measure_growth_of_spaces(const Run& run, JSON& results) {
  by_atoms(run, results);
  commit_by_wals(run, results);
  cold_get_by_size(run, results);
}

}  // namespace protobase::compare
