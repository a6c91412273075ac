// How pushes and commits grow with the size of an atom and with threads.
#include "growth.h"

namespace protobase::compare {
namespace {

/// A push waits for nothing.
StorageOptions unhurried() {
  StorageOptions options = options_of(Way::kPread);
  options.max_unflushed_bytes = std::uint64_t{1} << 30;
  return options;
}

void push_by_size(const Run& run, JSON& results) {
  Rows rows(run, "growth_push_size", "ns", "bytes an atom");
  for (const std::size_t size : kSizes) {
    const std::string row = std::to_string(size);
    rows.add(row, [record = sample_record(size), place = rows.place(row)] {
      const std::size_t count = count_of(record.size());
      const auto storage = open(place, Way::kPread, unhurried());
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
    rows.add(row, [record = sample_record(size), storage] { return commit_us(*storage, record); });
  }
  rows.measure_on_disk(run, results);
}

/// Pushes a second of all threads, into memory.
void push_by_threads(const Run& run, JSON& results) {
  Rows rows(run, "growth_push_threads", "pushes/s", "threads");
  for (const int threads : {1, 2, 4, 8}) {
    const std::string row = std::to_string(threads);
    rows.add(row, [record = sample_record(kRecord), place = rows.place(row), threads] {
      const int each = 400'000 / threads;
      double seconds = 0;
      {
        const auto storage = open(place, Way::kPread, unhurried());
        seconds = in_threads(threads, [&](int) {
          for (int i = 0; i < each; ++i) storage->push_bytes(record);
        });
      }
      std::filesystem::remove_all(place);
      return each * threads / seconds;
    });
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
  rows.measure_on_disk(run, results);
}

}  // namespace

void measure_growth_of_writes(const Run& run, JSON& results) {
  push_by_size(run, results);
  push_by_threads(run, results);
  commit_by_size(run, results);
  commit_by_threads(run, results);
}

}  // namespace protobase::compare
