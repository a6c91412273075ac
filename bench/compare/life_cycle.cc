// Filling a store and closing it or dying, opening it again, and what it keeps in memory. Each is a
// process of its own: compare.py puts them together.
#include <csignal>
#include <fstream>
#include <random>

#include "workloads.h"

namespace protobase::compare {
namespace {

constexpr std::size_t kRecord = 200;
constexpr std::size_t kBlob = std::size_t{64} << 20;
constexpr std::uint64_t kAtomsPerCommit = 10'000;
constexpr int kBlobs = 8;  // pushed before memory is looked at: what they leave behind counts

std::filesystem::path handles_file(const std::filesystem::path& directory) {
  return directory.string() + ".handles";
}

std::uint64_t stored_bytes(const std::filesystem::path& directory) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
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

void run_blob_copies(const Run& run, JSON& results) {
  StoreSettings settings = run.settings(run.store);
  settings.caches = false;
  settings.preallocated_bytes = 0;
  const auto store = make_store(run.store, settings);
  const auto blob = sample_record(kBlob);
  for (std::uint64_t i = 0; i < run.atoms; ++i) {
    store->put(blob);
    store->commit();
  }
  results.push_back(result("blob_copies", "bytes", {{run.store, {static_cast<double>(kBlob)}}}));
}

/// Memory in MiB without the benchmark's own tables, which are all touched.
class Memory {
 public:
  explicit Memory(std::size_t own) : own_(static_cast<double>(own)) {}
  void look() {
    anonymous_ = std::max(anonymous_, anonymous_bytes());
    peak_ = std::max(peak_, peak_resident_bytes());
  }
  double anonymous_peak() const { return mib(anonymous_); }
  double resident() const { return mib(resident_bytes()); }
  double resident_peak() const { return mib(peak_); }

 private:
  double mib(std::uint64_t bytes) const { return (static_cast<double>(bytes) - own_) / (1 << 20); }

  double own_;
  std::uint64_t anonymous_ = 0, peak_ = 0;
};

constexpr std::uint64_t kLookEvery = 10'000;

void push_all(Store& store, std::vector<Handle>& handles, Memory& memory) {
  auto record = sample_record(kRecord);
  for (std::uint64_t i = 0; i < handles.size(); ++i) {
    set_next(record, i);
    handles[i] = store.put(record);
    if (i % kLookEvery == 0) memory.look();
    if (i % kAtomsPerCommit == kAtomsPerCommit - 1) store.commit();
  }
  store.commit();
  memory.look();
}

void push_blobs(Store& store) {
  const auto blob = sample_record(kBlob);
  for (int i = 0; i < kBlobs; ++i) {
    store.put(blob);
    store.commit();
  }
}

void get_any(Reader& reader, const std::vector<Handle>& handles, Memory& memory) {
  std::mt19937_64 random(4);
  for (std::uint64_t i = 0; i < handles.size(); ++i) {
    reader.get(handles[random() % handles.size()]);
    if (i % kLookEvery == 0) memory.look();
  }
  memory.look();
}

void run_memory(const Run& run, JSON& results) {
  StoreSettings settings = run.settings(run.store);
  settings.preallocated_bytes = 0;
  settings.caches = !settings.mapped;  // maps are what is read through then
  std::vector<Handle> handles(run.atoms);
  Memory memory(handles.size() * sizeof(Handle));
  const auto store = make_store(run.store, settings);
  push_all(*store, handles, memory);
  const double after_pushes = memory.resident();
  push_blobs(*store);
  forget_peak();  // of a blob on its way; what it leaves behind counts
  memory.look();
  const double after_blobs = memory.resident();
  get_any(*store->reader(), handles, memory);
  // Pages of a mapped file are the page cache's: the kernel takes them back when it likes.
  const double counted = settings.mapped ? memory.anonymous_peak() : memory.resident_peak();
  const double mib = 1 << 20;
  const std::uint64_t caches = settings.caches ? settings.cache_bytes : 0;
  results.push_back(result("memory", "MiB", {{run.store, {counted}}},
                           {{"atoms", run.atoms},
                            {"after_pushes", after_pushes},
                            {"after_blobs", after_blobs},
                            {"after_gets", memory.resident()},
                            {"spare", static_cast<double>(spare_bytes()) / mib},
                            {"anonymous_peak", memory.anonymous_peak()},
                            {"resident_peak", memory.resident_peak()},
                            {"stored", static_cast<double>(stored_bytes(settings.directory)) / mib},
                            {"caches", static_cast<double>(caches) / mib},
                            {"buffers", static_cast<double>(settings.unflushed_bytes) / mib}}));
}

}  // namespace protobase::compare
