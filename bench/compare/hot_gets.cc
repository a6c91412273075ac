// Gets of what is in memory: 200 B records in a chain of random order, each address from the last
// result, so that nothing overlaps. The record of place i holds the handle of place order[i].
#include <numeric>
#include <random>

#include "workloads.h"

namespace protobase::compare {
namespace {

constexpr std::size_t kRecord = 200;

/// next[i]: the place that follows place i in one cycle through all.
std::vector<std::uint32_t> one_cycle(std::size_t count) {
  std::vector<std::uint32_t> order(count), next(count);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  for (std::size_t i = 0; i < count; ++i) next[order[i]] = order[(i + 1) % count];
  return next;
}

/// Fills the store; the first two records only tell how far handles lie apart. Returns the handle
/// of place 0 and how far.
struct Chain {
  Handle first, step;
};

Chain fill(Store& store, const std::vector<std::uint32_t>& next) {
  auto record = sample_record(kRecord);
  const Handle one = store.put(record), two = store.put(record);
  const Chain chain{two + (two - one), two - one};
  for (std::size_t i = 0; i < next.size(); ++i) {
    set_next(record, chain.first + chain.step * next[i]);
    if (store.put(record) != chain.first + chain.step * i) {
      throw std::runtime_error("handles do not lie evenly");
    }
  }
  store.commit();
  return chain;
}

/// A filled store, and where its readers go on.
struct Contestant {
  std::string name;
  std::unique_ptr<Store> store;
  Chain chain;
  std::vector<std::unique_ptr<Reader>> readers;
  std::vector<Handle> at;
};

/// Nanoseconds a get and thread.
double walk(Contestant& contestant, int threads, int gets) {
  const double seconds = in_threads(threads, [&](int thread) {
    const auto i = static_cast<std::size_t>(thread);
    Handle at = contestant.at[i];
    for (int n = 0; n < gets; ++n) at = contestant.readers[i]->get(at);
    contestant.at[i] = at;
  });
  return seconds * 1e9 / gets;
}

/// `label`: how the results call it; ours takes part in several ways.
Contestant prepare(const Run& run, const std::string& label, bool caches,
                   const std::vector<std::uint32_t>& next) {
  StoreSettings settings = run.settings("hot/" + label);
  settings.bulk = true;
  settings.caches = caches;
  settings.cache_bytes = std::uint64_t{2} << 30;
  settings.unflushed_bytes = std::uint64_t{2} << 30;  // no marks between the records of the chain
  settings.preallocated_bytes = 0;
  Contestant contestant{label, make_store(label, settings), {}, {}, {}};
  contestant.chain = fill(*contestant.store, next);
  for (std::size_t thread = 0; thread < 2; ++thread) {
    contestant.readers.push_back(contestant.store->reader());
    const std::size_t place = thread * (next.size() / 2);
    contestant.at.push_back(contestant.chain.first + contestant.chain.step * place);
  }
  walk(contestant, 1, static_cast<int>(next.size()));  // everything has been read once
  return contestant;
}

/// Ours with one thread in the same rounds, so that what two gain is a ratio within a round.
void add_alone(std::vector<Contestant>& contestants, int gets, std::vector<Entry>& entries) {
  const auto ours = std::find_if(contestants.begin(), contestants.end(),
                                 [](const Contestant& one) { return one.name == "protobase"; });
  entries.push_back({"protobase_one_thread", [&one = *ours, gets] { return walk(one, 1, gets); }});
}

void measure(const Run& run, const std::string& workload, int threads, int gets,
             std::vector<Contestant>& contestants, const std::vector<std::string>& names,
             JSON& results) {
  std::vector<Entry> entries;
  for (Contestant& contestant : contestants) {
    if (std::find(names.begin(), names.end(), contestant.name) == names.end()) continue;
    entries.push_back({contestant.name,
                       [&contestant, threads, gets] { return walk(contestant, threads, gets); }});
  }
  if (threads > 1) add_alone(contestants, gets, entries);
  results.push_back(result(workload, "ns", take_turns(entries, run.rounds(15))));
}

}  // namespace

void run_hot_gets(const Run& run, JSON& results) {
  const std::size_t records = run.quick ? 250'000 : 1'000'000;
  const int gets = run.quick ? 50'000 : 200'000;
  const auto next = one_cycle(records);
  std::vector<Contestant> all;
  for (const std::string name :
       {"array", "unordered_map", "bare_map", "mmap_log", "floor", "checksummed_log", "protobase",
        "lmdb", "rocksdb", "leveldb", "sqlite"}) {
    all.push_back(prepare(run, name, true, next));
  }
  for (const std::string label :
       {"protobase_no_caches", "protobase_mapped", "protobase_mapped_once"}) {
    all.push_back(prepare(run, label, false, next));
  }
  measure(run, "get_hot", 1, gets, all,
          {"array", "unordered_map", "bare_map", "mmap_log", "protobase", "protobase_no_caches",
           "protobase_mapped", "protobase_mapped_once", "lmdb", "rocksdb", "leveldb", "sqlite"},
          results);
  measure(run, "get_hot_two_threads", 2, gets, all,
          {"array", "unordered_map", "bare_map", "mmap_log", "protobase", "protobase_no_caches",
           "protobase_mapped", "protobase_mapped_once"},
          results);
  measure(run, "get_page_cache", 1, gets, all,
          {"floor", "checksummed_log", "bare_map", "protobase_no_caches", "protobase_mapped"},
          results);
  all.clear();
  std::filesystem::remove_all(run.directory / "hot");
}

}  // namespace protobase::compare
