// Pushing without waiting, pushing for long, and blobs.
#include <fcntl.h>
#include <unistd.h>

#include "workloads.h"

namespace protobase::compare {
namespace {

constexpr std::size_t kRecord = 200;
constexpr std::uint64_t kAllowance = std::uint64_t{32}
                                     << 20;  // headers, the commit, and room behind
constexpr std::size_t kStored = 216;         // with the header, as it reaches the disk

/// Pushes into an empty store that need not wait for a disk; records a second.
double push_in_memory(const Run& run, const std::string& name, bool caches) {
  const int atoms = run.quick ? 300'000 : 1'000'000;
  StoreSettings settings = run.settings("push");
  settings.bulk = name == "lmdb";  // no sync
  settings.caches = caches;
  settings.cache_bytes = std::uint64_t{1} << 30;
  settings.unflushed_bytes = std::uint64_t{4} << 30;
  settings.preallocated_bytes = 0;
  std::filesystem::remove_all(settings.directory);
  auto record = sample_record(kRecord);
  double seconds = 0;
  {
    const auto store = make_store(name, settings);
    const Stopwatch watch;
    for (int i = 0; i < atoms; ++i) {
      set_next(record, static_cast<Handle>(i));
      store->put(record);
    }
    seconds = watch.seconds();
  }
  std::filesystem::remove_all(settings.directory);
  return atoms / seconds;
}

/// Stored megabytes a second of `count` records, one commit at the end; into room prepared before,
/// as the floor's file is.
double push_through(Store& store, const std::vector<std::byte>& record, std::uint64_t count,
                    std::size_t stored) {
  store.prepare(count * stored + kAllowance);
  const Stopwatch watch;
  const std::vector<Record> records(std::min<std::uint64_t>(count, 1000), record);
  for (std::uint64_t left = count; left > 0; left -= std::min<std::uint64_t>(left, 1000)) {
    store.put_many(std::span(records).first(std::min<std::uint64_t>(left, 1000)));
  }
  store.commit();
  return static_cast<double>(count * stored) / watch.seconds() / 1e6;
}

/// The floor: writes of a mebibyte into a preallocated, zeroed file, from its start each time, out
/// of as much memory as a record of ours lies in. The disk is told to begin with each of them at
/// once: without that it has nothing to do before the first megabytes are copied, and gets a fifth
/// less done. O_DIRECT, which copies nothing, is slower still.
class SequentialFile {
 public:
  SequentialFile(const std::filesystem::path& path, std::uint64_t size)
      : file_(open(path.c_str(), O_RDWR | O_CREAT, 0644)), size_(size) {
    write_all(std::vector<std::byte>(kStep));
  }
  ~SequentialFile() { close(file_); }
  SequentialFile(const SequentialFile&) = delete;
  SequentialFile& operator=(const SequentialFile&) = delete;
  /// Precondition: `bytes` are some steps long.
  void write_all(const std::vector<std::byte>& bytes) {
    for (std::uint64_t at = 0; at < size_; at += kStep) {
      const std::byte* const part = bytes.data() + at % bytes.size();
      if (pwrite(file_, part, kStep, static_cast<off_t>(at)) != static_cast<ssize_t>(kStep)) {
        throw std::runtime_error("pwrite");
      }
      static_cast<void>(
          sync_file_range(file_, static_cast<off_t>(at), kStep, SYNC_FILE_RANGE_WRITE));
    }
    if (fdatasync(file_) != 0) throw std::runtime_error("fdatasync");
  }
  /// Megabytes a second. As much is written before, untimed, as prepare() writes before a round of
  /// ours: what a disk has just taken decides how fast it is.
  double round(const std::vector<std::byte>& bytes) {
    write_all(bytes);
    const Stopwatch watch;
    write_all(bytes);
    return static_cast<double>(size_) / watch.seconds() / 1e6;
  }

 private:
  static constexpr std::size_t kStep = std::size_t{1} << 20;

  int file_;
  std::uint64_t size_;
};

void run_in_memory(const Run& run, JSON& results) {
  const std::vector<Entry> entries = {
      {"floor", [&] { return push_in_memory(run, "floor", true); }},
      {"checksummed_log", [&] { return push_in_memory(run, "checksummed_log", true); }},
      {"protobase", [&] { return push_in_memory(run, "protobase", false); }},
      {"protobase_caches_on", [&] { return push_in_memory(run, "protobase", true); }},
      {"lmdb_nosync", [&] { return push_in_memory(run, "lmdb", true); }}};
  results.push_back(result("push_in_memory", "records/s", take_turns(entries, run.rounds(15))));
}

}  // namespace

void run_pushes(const Run& run, JSON& results) {
  run_in_memory(run, results);
  const struct {
    const char* name;
    std::size_t size, stored;
    std::uint64_t mib;  // a round, several blobs, so that one is written while the next is pushed
    int rounds;
  } kinds[] = {{"push_sustained", kRecord, kStored, 128, 20},
               {"blobs_1MiB", std::size_t{1} << 20, std::size_t{1} << 20, 128, 20},
               {"blobs_64MiB", std::size_t{64} << 20, std::size_t{64} << 20, 256, 12}};
  StoreSettings settings = run.settings("protobase");
  settings.caches = false;
  const auto ours = make_store("protobase", settings);
  for (const auto& kind : kinds) {
    const std::uint64_t total = (kind.mib << 20) / (run.quick ? 2 : 1);
    SequentialFile floor(run.directory / kind.name, total);
    const auto record = sample_record(kind.size);
    const auto bytes = sample_record(std::max(kind.size, std::size_t{1} << 20));
    const std::vector<Entry> entries = {
        {"floor", [&] { return floor.round(bytes); }},
        {"protobase",
         [&] { return push_through(*ours, record, total / kind.stored, kind.stored); }}};
    results.push_back(disk_result(run, kind.name, "MB/s", entries, run.rounds(kind.rounds)));
  }
}

}  // namespace protobase::compare
