// A long log: commits, opening it, cold gets from it, merging it while somebody reads, and opening
// and getting once more.
#include <algorithm>
#include <random>
#include <stop_token>
#include <thread>

#include "bench.h"
#include "testing/chained_client.h"

namespace protobase::cloud_bench {
namespace {

constexpr std::size_t kAtomSize = 200;
constexpr std::uint64_t kBlock = 65'536;
constexpr std::uint64_t kHeader = 16;

/// Fails the run: a figure of wrong reads is worth nothing.
void check(CloudFileStorage& storage, const std::vector<AtomPointer>& atoms, std::size_t index) {
  const auto expected = numbered_record(index, kAtomSize);
  const auto found = storage.get_bytes(atoms[index]);
  if (!std::ranges::equal(found.span(), std::span<const std::byte>(expected))) {
    throw std::runtime_error("atom " + std::to_string(index) + " is not what was pushed");
  }
}

class LongLog final {
 public:
  explicit LongLog(const Run& run)
      : run_(in_own_bucket(run, "log-" + std::to_string(run.commits))),
        make_client_(client_factory(run_, run_.prefix)) {}

  JSON measure() {
    JSON figures = {{"bucket", run_.bucket}};
    figures["commit"] = commit();
    figures["open"] = open();
    figures["cold"] = cold_gets();
    if (run_.merge) {
      figures["before_merge"] = what_is_there();
      figures["merge"] = merge();
      figures["after_merge"] = what_is_there();
      figures["open_merged"] = open();
      figures["cold_merged"] = cold_gets();
    }
    figures["client_total"] = to_json(total());
    return figures;
  }

 private:
  std::shared_ptr<CloudStorageClient> client() {
    clients_.push_back(make_client_());
    return clients_.back();
  }
  CloudRequestCounts total() const {
    CloudRequestCounts sum;
    for (const auto& client : clients_) sum += client->counts();
    return sum;
  }
  static CloudStorageOptions reading() {
    CloudStorageOptions options;
    options.access = SpaceAccess::kReadOnly;
    return options;
  }
  static CloudStorageOptions without_merging() {
    CloudStorageOptions options;
    options.merge_after_slots = 0;
    return options;
  }

  JSON commit();
  JSON open();
  double open_once(const std::shared_ptr<CloudStorageClient>& reader) const;
  JSON cold_gets();
  JSON cold_gets_of(const std::vector<std::size_t>& indices);
  JSON merge();
  std::size_t check_a_thousand(CloudFileStorage& reader) const;
  JSON what_is_there();

  const Run run_;
  const ClientFactory make_client_;
  std::vector<std::shared_ptr<CloudStorageClient>> clients_;
  std::vector<AtomPointer> atoms_;
};

/// As many as were asked for, or as the budget allowed: cloud_check.py tells the two apart.
JSON LongLog::commit() {
  const auto writer = client();
  const Stopwatch watch;
  {
    CloudFileStorage storage(writer, without_merging(), without_caches());
    while (atoms_.size() < run_.commits && watch.seconds() < run_.budget_s) {
      atoms_.push_back(storage.push_bytes(numbered_record(atoms_.size(), kAtomSize)));
      storage.set_current_root(atoms_.back());
    }
  }
  if (atoms_.size() < 2) throw std::runtime_error("no two commits within the budget");
  return {{"commits", atoms_.size()},
          {"seconds", watch.seconds()},
          {"counts", to_json(writer->counts())}};
}

/// From nothing to the atom that is the root: seconds.
double LongLog::open_once(const std::shared_ptr<CloudStorageClient>& reader) const {
  const Stopwatch watch;
  CloudFileStorage storage(reader, reading(), without_caches());
  const auto root = storage.read_current_root();
  if (root != atoms_.back()) throw std::runtime_error("the root is not the last commit's");
  check(storage, atoms_, atoms_.size() - 1);
  return watch.seconds();
}

JSON LongLog::open() {
  constexpr int kTimes = 5;
  JSON rows = JSON::array();
  for (int i = 0; i < kTimes; ++i) {
    const double seconds = open_once(client());
    const auto chained = std::make_shared<testing::ChainedClient>(client());
    open_once(chained);
    rows.push_back({{"ms", seconds * 1e3},
                    {"sequential", chained->longest_chain()},
                    {"counts", to_json(chained->counts())}});
  }
  return rows;
}

/// Any atoms, and such as lie across two blocks of the cache. Not the newest: opening reads that.
JSON LongLog::cold_gets() {
  const std::size_t count = run_.quick ? 10 : 50;
  std::mt19937_64 random(atoms_.size());
  std::vector<std::size_t> any, across;
  for (std::size_t i = 0; i < count; ++i) any.push_back(random() % (atoms_.size() - 1));
  for (std::size_t i = 0; i + 1 < atoms_.size() && across.size() < count; ++i) {
    const std::uint64_t begin = atoms_[i].offset, end = begin + kHeader + kAtomSize;
    if (begin / kBlock != (end - 1) / kBlock) across.push_back(i);
  }
  return {{"any", cold_gets_of(any)}, {"across_blocks", cold_gets_of(across)}};
}

JSON LongLog::cold_gets_of(const std::vector<std::size_t>& indices) {
  const auto reader = client();
  CloudStorageOptions options = reading();
  options.cache_size = 0;
  CloudFileStorage storage(reader, options, without_caches());
  JSON gets = JSON::array(), bytes = JSON::array(), times = JSON::array();
  for (const std::size_t index : indices) {
    const CloudRequestCounts before = reader->counts();
    const Stopwatch watch;
    check(storage, atoms_, index);
    times.push_back(watch.seconds() * 1e3);
    const CloudRequestCounts counts = reader->counts() - before;
    gets.push_back(counts.gets + counts.lists);
    bytes.push_back(counts.bytes_received);
  }
  return {{"requests", gets}, {"bytes", bytes}, {"ms", times}};
}

JSON LongLog::merge() {
  const auto merging = client(), looking = client();
  std::uint64_t reads = 0;
  std::exception_ptr failure;
  CloudFileStorage storage(merging, without_merging(), without_caches());
  CloudStorageOptions options = reading();
  options.cache_size = 0;
  CloudFileStorage reader(looking, options, without_caches());
  // Stops with this function, also when the merge fails.
  std::jthread checking([&](const std::stop_token& stop) {
    std::mt19937_64 random(1);
    try {
      for (; !stop.stop_requested() || reads == 0; ++reads) {
        check(reader, atoms_, random() % atoms_.size());
        if (reader.read_current_root() != atoms_.back()) throw std::runtime_error("another root");
      }
    } catch (const std::exception&) {
      failure = std::current_exception();
    }
  });
  const CloudRequestCounts before = merging->counts();
  const Stopwatch watch;
  const CloudMergeReport report = storage.merge();
  const double seconds = watch.seconds();
  checking.request_stop();
  checking.join();
  if (failure) std::rethrow_exception(failure);
  return {{"seconds", seconds},       {"counts", to_json(merging->counts() - before)},
          {"slots", report.slots},    {"segments", report.segments},
          {"bytes", report.bytes},    {"removed", report.removed},
          {"reads_meanwhile", reads}, {"reads_afterwards", check_a_thousand(reader)}};
}

/// Or all, if they are fewer.
std::size_t LongLog::check_a_thousand(CloudFileStorage& reader) const {
  std::size_t checked = 0;
  for (std::size_t i = 0; i < atoms_.size(); i += 1 + atoms_.size() / 1000, ++checked) {
    check(reader, atoms_, i);
  }
  return checked;
}

JSON LongLog::what_is_there() {
  constexpr unsigned kPage = 1000;
  const auto lister = client();
  std::uint64_t objects = 0, bytes = 0;
  std::string behind;
  for (bool is_more = true; is_more;) {
    const CloudListPage page = lister->list({}, behind, kPage);
    for (const auto& object : page.objects) ++objects, bytes += object.size;
    is_more = page.is_truncated;
    if (is_more) behind = page.objects.back().key;
  }
  return {{"objects", objects}, {"bytes", bytes}};
}

}  // namespace

void run_log(const Run& run, JSON& results) {
  const std::string name = (run.mock ? "log_mock_" : "log_") + std::to_string(run.commits);
  results.push_back(compare::result(name, "count", {}, LongLog(run).measure()));
}

}  // namespace protobase::cloud_bench
