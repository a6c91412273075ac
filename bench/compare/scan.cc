// A pass over everything must not push the hot set out of the bytes cache.
#include <algorithm>
#include <random>

#include "protobase/protobase.h"
#include "workloads.h"

namespace protobase::compare {
namespace {

constexpr std::size_t kHot = 10'000;
constexpr std::size_t kAll = 400'000;  // 80 MB through a cache of 8 MiB

/// The share that the bytes cache answers when each of the hot is asked for once.
double hit_rate(SharedStorage& storage, const std::vector<AtomPointer>& pointers) {
  const auto before = storage.stats().bytes_cache;
  for (std::size_t i = 0; i < kHot; ++i) touch(storage.get_bytes(pointers[i]).span());
  const auto after = storage.stats().bytes_cache;
  const auto hits = static_cast<double>(after.hits - before.hits);
  return hits / (hits + static_cast<double>(after.misses - before.misses));
}

}  // namespace

void run_scan(const Run& run, JSON& results) {
  const std::string space = (run.directory / "scan").string();
  StorageOptions options;
  options.enable_atom_object_cache = false;
  options.bytes_cache_max_bytes = std::size_t{8} << 20;
  std::vector<AtomPointer> pointers;
  {
    StandaloneFileStorage storage(space, options);
    const auto record = sample_record(200);
    for (std::size_t i = 0; i < kAll; ++i) pointers.push_back(storage.push_bytes(record));
  }
  std::shuffle(pointers.begin(), pointers.end(), std::mt19937_64(3));
  std::map<std::string, std::vector<double>> samples;
  for (int round = 0; round < 5; ++round) {
    StandaloneFileStorage storage(space, options);
    for (int pass = 0; pass < 10; ++pass) static_cast<void>(hit_rate(storage, pointers));
    samples["before"].push_back(hit_rate(storage, pointers));
    for (const AtomPointer& pointer : pointers) touch(storage.get_bytes(pointer).span());
    samples["after"].push_back(hit_rate(storage, pointers));
  }
  results.push_back(result("scan_hit_rate", "of 1", samples));
  std::filesystem::remove_all(space);
}

}  // namespace protobase::compare
