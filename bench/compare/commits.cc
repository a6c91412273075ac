// Durable commits: one atom, 1,000 atoms, and many threads with one atom each.
#include "workloads.h"

namespace protobase::compare {
namespace {

using Stores = std::map<std::string, std::unique_ptr<Store>>;

const std::vector<std::string> kOneThread = {
    "floor", "checksummed_log", "protobase", "rocksdb", "leveldb", "lmdb", "sqlite"};
const std::vector<std::string> kManyThreads = {"floor", "protobase", "rocksdb", "leveldb"};

Stores open_all(const Run& run, const std::string& workload,
                const std::vector<std::string>& names) {
  Stores stores;
  for (const std::string& name : names) {
    StoreSettings settings = run.settings(workload + "/" + name);
    settings.caches = name != "protobase";  // what is written is not read here
    stores[name] = make_store(name, settings);
    stores[name]->prepare(settings.preallocated_bytes);
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

/// Records a second.
double commit_batches(Store& store, std::vector<std::byte>& record) {
  constexpr int kBatch = 1000, kBatches = 5;
  const Stopwatch watch;
  for (int batch = 0; batch < kBatches; ++batch) {
    for (int i = 0; i < kBatch; ++i) {
      set_next(record, static_cast<Handle>(i));
      store.put(record);
    }
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

void measure(const Run& run, const std::string& workload, const std::string& unit, int rounds,
             const std::vector<std::string>& names, const std::function<double(Store&)>& round,
             JSON& results) {
  Stores stores = open_all(run, workload, names);
  std::vector<Entry> entries;
  for (const std::string& name : names) {
    entries.push_back({name, [&store = *stores[name], &round] { return round(store); }});
  }
  results.push_back(
      result(workload, unit, take_turns(entries, run.rounds(rounds), run.quick ? 4 : 30)));
  stores.clear();
  std::filesystem::remove_all(run.directory / workload);
}

}  // namespace

void run_commits(const Run& run, JSON& results) {
  auto small = sample_record(200), large = sample_record(1024);
  measure(
      run, "commit_one", "us", 60, kOneThread,
      [&](Store& store) { return commit_singly(store, small); }, results);
  measure(
      run, "commit_1000x200", "records/s", 30, kOneThread,
      [&](Store& store) { return commit_batches(store, small); }, results);
  measure(
      run, "commit_1000x1024", "records/s", 30, kOneThread,
      [&](Store& store) { return commit_batches(store, large); }, results);
  for (const int threads : {8, 32}) {
    measure(
        run, "commit_threads_" + std::to_string(threads), "commits/s", 20, kManyThreads,
        [&](Store& store) { return commit_in_threads(store, threads, small); }, results);
  }
}

}  // namespace protobase::compare
