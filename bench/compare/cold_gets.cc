// Random gets of what is not in memory: before each round the contestant is closed and its files
// are dropped from the page cache. How much the disk had to read is counted; too little fails the
// run.
#include <random>

#include "workloads.h"

namespace protobase::compare {
namespace {

struct Way {
  std::string label, store, files;  ///< files: the directory that populate filled
};

/// Rounds of one way to read; what the disk read goes into `bytes_per_get`.
class ColdReading {
 public:
  ColdReading(const Run& run, Way way, JSON& bytes_per_get)
      : way_(std::move(way)),
        settings_(run.settings(way_.files)),
        handles_(load_handles(settings_.directory)),
        bytes_per_get_(bytes_per_get),
        random_(std::random_device()()) {
    settings_.create = false;
    settings_.caches = false;
  }

  /// Gets a second. `many`: that many at a time, by get_many.
  double round(int threads, int gets, std::size_t many) {
    drop_page_cache(settings_.directory);
    const auto store = make_store(way_.store, settings_);
    std::vector<std::unique_ptr<Reader>> readers;
    std::vector<std::vector<Handle>> wanted;
    for (int thread = 0; thread < threads; ++thread) {
      readers.push_back(store->reader());
      wanted.push_back(draw(gets));
    }
    const std::uint64_t before = disk_read_bytes();
    const double seconds = in_threads(threads, [&](int thread) {
      const auto i = static_cast<std::size_t>(thread);
      read(*readers[i], wanted[i], many);
    });
    count(static_cast<double>(disk_read_bytes() - before) / (threads * gets));
    return threads * gets / seconds;
  }

 private:
  std::vector<Handle> draw(int gets) {
    std::vector<Handle> handles;
    for (int i = 0; i < gets; ++i) handles.push_back(handles_[random_() % handles_.size()]);
    return handles;
  }
  static void read(Reader& reader, std::span<const Handle> handles, std::size_t many) {
    for (; many > 1 && handles.size() >= many; handles = handles.subspan(many)) {
      reader.get_many(handles.first(many));
    }
    for (const Handle handle : handles) reader.get(handle);
  }
  void count(double bytes) {
    constexpr double kColdEnough = 3000;  // a page each, but for the few that share one
    if (bytes < kColdEnough) {
      throw std::runtime_error(way_.label + ": the page cache was warm, " + std::to_string(bytes) +
                               " bytes a get");
    }
    bytes_per_get_[way_.label].push_back(bytes);
  }

  Way way_;
  StoreSettings settings_;
  std::vector<Handle> handles_;
  JSON& bytes_per_get_;
  std::mt19937_64 random_;
};

void measure(const Run& run, const std::string& workload, int threads, int gets, std::size_t many,
             const std::vector<Way>& ways, JSON& results) {
  JSON bytes_per_get = JSON::object();
  std::vector<std::unique_ptr<ColdReading>> readings;
  std::vector<Entry> entries;
  for (const Way& way : ways) {
    readings.push_back(std::make_unique<ColdReading>(run, way, bytes_per_get));
    entries.push_back({way.label, [&reading = *readings.back(), threads, gets, many] {
                         return reading.round(threads, gets, many);
                       }});
  }
  const auto samples = take_turns(entries, run.rounds(10));
  for (auto& bytes : bytes_per_get) bytes.erase(0);  // of the round that is thrown away
  results.push_back(result(workload, "gets/s", samples,
                           {{"disk_bytes_per_get", bytes_per_get}, {"atoms", run.atoms}}));
}

}  // namespace

void run_cold_gets(const Run& run, JSON& results) {
  const Way floor{"floor", "floor", "floor"}, ours{"protobase", "protobase", "protobase"};
  const Way ring{"io_uring", "io_uring", "floor"};
  std::vector<Way> all = {floor, ours};
  for (const std::string peer : {"lmdb", "rocksdb", "sqlite"}) all.push_back({peer, peer, peer});
  const int gets = run.quick ? 1500 : 5000;
  measure(run, "get_cold", 1, gets, 1, all, results);
  measure(run, "get_cold_32_threads", 32, gets / 8, 1, all, results);
  measure(run, "get_cold_many", 1, 256 * 8, 256, {ring, ours}, results);
}

}  // namespace protobase::compare
