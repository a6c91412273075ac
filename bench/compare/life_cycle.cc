// Filling a store and closing it or dying, opening it again, and what it keeps in memory. Each is a
// process of its own: compare.py puts them together.
#include <csignal>
#include <fstream>
#include <random>

#include "workloads.h"

namespace protobase::compare {
namespace {

constexpr std::size_t kRecord = 200;
constexpr std::uint64_t kAtomsPerCommit = 10'000;
constexpr std::uint64_t kSampleEvery = 16;  // of the handles, so that they hardly weigh

std::filesystem::path handles_file(const std::filesystem::path& directory) {
  return directory.string() + ".handles";
}

}  // namespace

void save_handles(const std::filesystem::path& directory, const std::vector<Handle>& handles) {
  std::ofstream out(handles_file(directory), std::ios::binary);
  out.write(reinterpret_cast<const char*>(handles.data()),
            static_cast<std::streamsize>(handles.size() * sizeof(Handle)));
  if (!out) throw std::runtime_error("cannot write the handles");
}

std::vector<Handle> load_handles(const std::filesystem::path& directory) {
  const auto file = handles_file(directory);
  std::vector<Handle> handles(std::filesystem::file_size(file) / sizeof(Handle));
  std::ifstream in(file, std::ios::binary);
  in.read(reinterpret_cast<char*>(handles.data()),
          static_cast<std::streamsize>(handles.size() * sizeof(Handle)));
  if (!in) throw std::runtime_error("cannot read the handles");
  return handles;
}

void run_populate(const Run& run, JSON& results) {
  StoreSettings settings = run.settings(run.store);
  settings.bulk = !run.kill;  // before a kill, commits are durable one by one
  settings.create = run.create;
  settings.caches = false;
  settings.preallocated_bytes = 0;
  auto record = sample_record(kRecord);
  std::vector<Handle> handles;
  const Stopwatch watch;
  {
    const auto store = make_store(run.store, settings);
    for (std::uint64_t i = 0; i < run.atoms; ++i) {
      set_next(record, i);
      handles.push_back(store->put(record));
      if (run.kill && i % kAtomsPerCommit == kAtomsPerCommit - 1) store->commit();
    }
    store->commit();
    save_handles(settings.directory, handles);
    if (run.kill) {
      for (int i = 0; i < 1000; ++i) store->put(record);  // never acknowledged
      raise(SIGKILL);
    }
  }
  results.push_back(result("populate", "s", {{run.store, {watch.seconds()}}}));
}

void run_open(const Run& run, JSON& results) {
  StoreSettings settings = run.settings(run.store);
  settings.create = false;
  const Handle newest = load_handles(settings.directory).back();
  const Stopwatch watch;
  const auto store = make_store(run.store, settings);
  const double open_ms = watch.seconds() * 1e3;
  store->reader()->get(newest);
  const double first_get_ms = watch.seconds() * 1e3;
  results.push_back(
      result("open", "ms", {{run.store, {open_ms}}}, {{"first_get_ms", first_get_ms}}));
}

void run_memory(const Run& run, JSON& results) {
  StoreSettings settings = run.settings(run.store);
  settings.preallocated_bytes = 0;
  auto record = sample_record(kRecord);
  std::vector<Handle> sample;
  sample.reserve(run.atoms / kSampleEvery + 1);
  const auto store = make_store(run.store, settings);
  for (std::uint64_t i = 0; i < run.atoms; ++i) {
    set_next(record, i);
    const Handle handle = store->put(record);
    if (i % kSampleEvery == 0) sample.push_back(handle);
    if (i % kAtomsPerCommit == kAtomsPerCommit - 1) store->commit();
  }
  store->commit();
  const std::uint64_t after_pushes = resident_bytes();
  const auto reader = store->reader();
  std::mt19937_64 random(4);
  for (std::uint64_t i = 0; i < run.atoms; ++i) reader->get(sample[random() % sample.size()]);
  const double mib = 1 << 20;
  const double own = static_cast<double>(sample.size() * sizeof(Handle)) / mib;
  const double peak = static_cast<double>(peak_resident_bytes()) / mib - own;
  results.push_back(result("memory", "MiB", {{run.store, {peak}}},
                           {{"atoms", run.atoms},
                            {"after_pushes", static_cast<double>(after_pushes) / mib - own},
                            {"after_gets", static_cast<double>(resident_bytes()) / mib - own},
                            {"caches", static_cast<double>(settings.cache_bytes) / mib},
                            {"buffers", static_cast<double>(settings.unflushed_bytes) / mib}}));
}

}  // namespace protobase::compare
