// Push, get and commit of a StandaloneFileStorage, with atoms of 200 B. Ratios within one run
// count; the bare-disk loop at the end is the floor for a commit.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "os/file_system.h"
#include "protobase/protobase.h"

namespace protobase {
namespace {

constexpr std::size_t kAtomSize = 200;

/// A fresh directory beside the current one, removed at the end.
class Directory {
 public:
  Directory() {
    std::string name = "bench-space-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::string space() const { return (path_ / "space").string(); }
  std::string file() const { return (path_ / "file").string(); }

 private:
  std::filesystem::path path_;
};

Atom sample_atom(std::int64_t i) {
  return Atom::object({{"className", "Sample"},
                       {"number", i},
                       {"name", "a name of some length"},
                       {"text", std::string(110, 'x')},
                       {"flag", true}});
}

StorageOptions without_caches() {
  StorageOptions options;
  options.enable_atom_object_cache = false;
  options.enable_atom_bytes_cache = false;
  return options;
}

void push_bytes(benchmark::State& state) {
  const Directory directory;
  StorageOptions options = state.range(0) != 0 ? StorageOptions{} : without_caches();
  options.max_unflushed_bytes = std::uint64_t{4} << 30;  // measure the push, not the disk
  StandaloneFileStorage storage(directory.space(), options);
  const std::vector<std::byte> bytes(kAtomSize, std::byte{7});
  for (auto _ : state) benchmark::DoNotOptimize(storage.push_bytes(bytes));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(push_bytes)->Arg(0)->Arg(1)->ArgName("caches")->Iterations(1'000'000);

void push_atom(benchmark::State& state) {
  const Directory directory;
  StorageOptions options;
  options.max_unflushed_bytes = std::uint64_t{4} << 30;
  StandaloneFileStorage storage(directory.space(), options);
  std::int64_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(storage.push_atom(sample_atom(i++)));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(push_atom)->Iterations(500'000);

void push_sustained(benchmark::State& state) {
  const Directory directory;
  StandaloneFileStorage storage(directory.space(), without_caches());
  const std::vector<std::byte> bytes(kAtomSize, std::byte{7});
  constexpr int kBatch = 1'000'000;
  for (auto _ : state) {
    for (int i = 0; i < kBatch; ++i) benchmark::DoNotOptimize(storage.push_bytes(bytes));
    storage.flush_wal();
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
  state.SetBytesProcessed(state.iterations() * kBatch * static_cast<std::int64_t>(kAtomSize));
}
BENCHMARK(push_sustained)->Iterations(3)->UseRealTime()->Unit(benchmark::kMillisecond);

void commit(benchmark::State& state) {
  static std::unique_ptr<Directory> directory;
  static std::unique_ptr<StandaloneFileStorage> storage;
  if (state.thread_index() == 0) {
    directory = std::make_unique<Directory>();
    storage = std::make_unique<StandaloneFileStorage>(directory->space());
  }
  const std::vector<std::byte> bytes(kAtomSize, std::byte{7});
  for (auto _ : state) storage->set_current_root(storage->push_bytes(bytes));
  state.SetItemsProcessed(state.iterations());
  if (state.thread_index() == 0) {
    state.counters["syncs"] = static_cast<double>(storage->stats().syncs);
    storage.reset();
    directory.reset();
  }
}
BENCHMARK(commit)->Threads(1)->Threads(8)->Threads(32)->UseRealTime()->Unit(
    benchmark::kMicrosecond);

void commit_batch(benchmark::State& state) {
  const Directory directory;
  StandaloneFileStorage storage(directory.space(), without_caches());
  const std::vector<std::byte> bytes(kAtomSize, std::byte{7});
  constexpr int kBatch = 1000;
  for (auto _ : state) {
    AtomPointer last;
    for (int i = 0; i < kBatch; ++i) last = storage.push_bytes(bytes);
    storage.set_current_root(last);
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(commit_batch)->UseRealTime()->Unit(benchmark::kMicrosecond);

/// The floor: the same bytes by pwrite into a zeroed file, and fdatasync.
void bare_write_and_sync(benchmark::State& state) {
  const Directory directory;
  const auto file = os::posix_file_system()->open(directory.file(), os::OpenMode::kCreate);
  const std::vector<std::byte> zeros(std::size_t{64} << 20);
  const std::span<const std::byte> all(zeros);
  file->write(0, {&all, 1});
  file->sync_data();
  const std::vector<std::byte> bytes(216 + 96, std::byte{7});
  const std::span<const std::byte> part(bytes);
  std::uint64_t at = 0;
  for (auto _ : state) {
    file->write(at, {&part, 1});
    file->sync_data();
    at = (at + part.size()) % zeros.size();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(bare_write_and_sync)->UseRealTime()->Unit(benchmark::kMicrosecond);

enum Level { kObjectCache, kBytesCache, kPageCache };

/// Reads in an order that follows from what was read, so that gets do not overlap.
void get(benchmark::State& state) {
  const auto level = static_cast<Level>(state.range(0));
  const auto records = static_cast<std::size_t>(state.range(1));
  const Directory directory;
  StorageOptions options = level == kPageCache ? without_caches() : StorageOptions{};
  options.object_cache_max_entries = options.bytes_cache_max_entries = 2 * records;
  options.object_cache_max_bytes = options.bytes_cache_max_bytes = std::size_t{1} << 30;
  StandaloneFileStorage storage(directory.space(), options);
  std::vector<AtomPointer> pointers;
  for (std::size_t i = 0; i < records; ++i) {
    pointers.push_back(storage.push_atom(sample_atom(static_cast<std::int64_t>(i))));
  }
  storage.flush_wal();
  std::size_t next = 0;
  for (auto _ : state) {
    std::size_t seen = 0;
    if (level == kObjectCache) {
      seen = static_cast<std::size_t>(storage.get_atom(pointers[next])->at("number").as_int64());
    } else {
      seen = static_cast<std::size_t>(storage.get_bytes(pointers[next]).data()[0]);
    }
    next = (next * 2654435761u + seen + 1) % records;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(get)
    ->ArgNames({"level", "records"})
    ->Args({kObjectCache, 10'000})
    ->Args({kBytesCache, 10'000})
    ->Args({kBytesCache, 1'000'000})
    ->Args({kPageCache, 10'000});

void open_and_close(benchmark::State& state) {
  const Directory directory;
  {
    StandaloneFileStorage storage(directory.space(), without_caches());
    const std::vector<std::byte> bytes(kAtomSize, std::byte{7});
    for (std::int64_t i = 0; i < state.range(0); ++i) storage.push_bytes(bytes);
    storage.close();
  }
  for (auto _ : state) StandaloneFileStorage(directory.space(), without_caches()).close();
}
BENCHMARK(open_and_close)
    ->ArgName("atoms")
    ->Arg(1'000)
    ->Arg(1'000'000)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace protobase
