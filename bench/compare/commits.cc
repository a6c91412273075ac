// Durable commits: one atom, 1,000 atoms, and many threads with one atom each.
#include "workloads.h"

namespace protobase::compare {
namespace {

using Stores = std::map<std::string, std::unique_ptr<Store>>;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr const char* kUnreserved =
    "protobase_unreserved";                          // ours into blocks never written before
constexpr const char* kSingly = "protobase_singly";  // one push after the other

const std::vector<std::string> kOneThread = {"floor",   "checksummed_log", "protobase", kUnreserved,
                                             "rocksdb", "leveldb",         "lmdb",      "sqlite"};
const std::vector<std::string> kManyAtoms = {"floor",     "checksummed_log", "protobase", kSingly,
                                             kUnreserved, "rocksdb",         "leveldb",   "lmdb",
                                             "sqlite"};
const std::vector<std::string> kManyThreads = {"floor", "protobase", "rocksdb", "leveldb"};

struct Workload {
  std::string name, unit;
  int rounds;
  std::uint64_t room;  ///< more than any contestant writes; written before the first round
  const std::vector<std::string>& names;
  std::function<double(Store&)> round;
};

Stores open_all(const Run& run, const Workload& workload) {
  Stores stores;
  for (const std::string& name : workload.names) {
    const bool ours = name.starts_with("protobase");
    StoreSettings settings = run.settings(workload.name + "/" + name);
    settings.caches = !ours;  // what is written is not read here
    settings.singly = name == kSingly;
    settings.preallocated_bytes = workload.room;
    stores[name] = make_store(name, settings);
    if (name != kUnreserved) stores[name]->prepare(workload.room);
  }
  return stores;
}

/// The median microseconds of a few commits.
double commit_singly(Store& store, std::vector<std::byte>& record) {
  constexpr int kCommits = 20;
  std::vector<double> micros;
  for (int i = 0; i < kCommits; ++i) {
    set_next(record, static_cast<Handle>(i));
    const Stopwatch watch;
    store.put(record);
    store.commit();
    micros.push_back(watch.seconds() * 1e6);
  }
  return median(std::move(micros));
}

/// Records a second; different ones, as a user has them.
double commit_batches(Store& store, std::size_t size) {
  constexpr std::size_t kBatch = 1000, kBatches = 20;
  const auto bytes = sample_record(kBatch * size);
  std::vector<Record> records;
  for (std::size_t i = 0; i < kBatch; ++i) records.push_back(Record(bytes).subspan(i * size, size));
  const Stopwatch watch;
  for (std::size_t batch = 0; batch < kBatches; ++batch) {
    store.put_many(records);
    store.commit();
  }
  return kBatch * kBatches / watch.seconds();
}

double commit_in_threads(Store& store, int threads, const std::vector<std::byte>& record) {
  const int each = 1600 / threads;
  const double seconds = in_threads(threads, [&](int) {
    for (int i = 0; i < each; ++i) store.commit_one(record);
  });
  return threads * each / seconds;
}

void measure(const Run& run, const Workload& workload, JSON& results) {
  Stores stores = open_all(run, workload);
  std::vector<Entry> entries;
  for (const std::string& name : workload.names) {
    entries.push_back(
        {name, [&store = *stores[name], &workload] { return workload.round(store); }});
  }
  results.push_back(disk_result(run, workload.name, workload.unit, entries,
                                run.rounds(workload.rounds), run.quick ? 4 : 30));
  stores.clear();
  std::filesystem::remove_all(run.directory / workload.name);
}

}  // namespace

void run_commits(const Run& run, JSON& results) {
  auto small = sample_record(200);
  std::vector<Workload> workloads = {{"commit_one", "us", 60, 32 * kMiB, kOneThread,
                                      [&](Store& store) { return commit_singly(store, small); }},
                                     {"commit_1000x200", "records/s", 24, 128 * kMiB, kManyAtoms,
                                      [](Store& store) { return commit_batches(store, 200); }},
                                     {"commit_1000x1024", "records/s", 32, 768 * kMiB, kManyAtoms,
                                      [](Store& store) { return commit_batches(store, 1024); }}};
  for (const int threads : {8, 32}) {
    workloads.push_back(
        {"commit_threads_" + std::to_string(threads), "commits/s", 20, 32 * kMiB, kManyThreads,
         [&small, threads](Store& store) { return commit_in_threads(store, threads, small); }});
  }
  for (const Workload& workload : workloads) measure(run, workload, results);
}

}  // namespace protobase::compare
