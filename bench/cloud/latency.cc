// Latency of a commit beside a bare PUT of the same bytes, and beside one through S3Client, which
// shows what of the difference the client makes and what the engine.
#include <algorithm>

#include "bare_put.h"

namespace protobase::cloud_bench {
namespace {

constexpr std::size_t kAtomSize = 200;
constexpr int kTurn = 25;  // requests a contestant makes in one round

/// The median, in us, of `count` calls; all of them go into `all`.
double median_us(int count, std::vector<double>& all, const std::function<double()>& call) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) times.push_back(call() * 1e6);
  all.insert(all.end(), times.begin(), times.end());
  return compare::median(times);
}

template <typename Call>
double seconds_of(const Call& call) {
  const Stopwatch watch;
  call();
  return watch.seconds();
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values.at(static_cast<std::size_t>(share * static_cast<double>(values.size() - 1)));
}

/// A store that commits `atoms` at a time, and says how many bytes that puts.
class Committing final {
 public:
  Committing(const ClientFactory& make_client, int atoms)
      : client_(make_client()), storage_(client_), atoms_(atoms) {
    commit();  // takes over the log
    const std::uint64_t before = client_->counts().bytes_sent;
    commit();
    object_size_ = client_->counts().bytes_sent - before;
  }

  /// Seconds from the call that commits to its return; pushing waits for nothing.
  double commit() {
    AtomPointer last;
    for (int i = 0; i < atoms_; ++i) last = storage_.push_bytes(record_);
    return seconds_of([&] { storage_.set_current_root(last); });
  }
  std::size_t object_size() const { return object_size_; }

 private:
  const std::vector<std::byte> record_ = compare::sample_record(kAtomSize);
  const std::shared_ptr<CloudStorageClient> client_;
  CloudFileStorage storage_;
  const int atoms_;
  std::size_t object_size_ = 0;
};

void measure(const Run& run, int atoms, JSON& results) {
  const std::string prefix = run.prefix + "/latency/" + std::to_string(atoms);
  Committing committing(client_factory(run, prefix + "/store"), atoms);
  const auto client = client_factory(run, prefix + "/client")();
  BarePut bare(run);
  const std::vector<std::byte> body = compare::sample_record(committing.object_size());
  const std::span<const std::byte> part(body);
  int number = 0;
  const auto bare_put = [&](bool if_absent) {
    const std::string key = prefix + "/bare/" + std::to_string(++number);
    return seconds_of([&] { bare.put(key, body, if_absent); });
  };
  const auto client_put = [&] {
    const std::string key = std::to_string(++number);
    return seconds_of([&] { client->put(key, {&part, 1}, CloudPutCondition::if_absent()); });
  };
  std::map<std::string, std::vector<double>> all;
  const auto entry = [&](const std::string& name, const std::function<double()>& call) {
    return compare::Entry{name, [&all, name, call] { return median_us(kTurn, all[name], call); }};
  };
  const auto samples =
      compare::take_turns({entry("protobase", [&] { return committing.commit(); }),
                           entry("S3Client::put, if absent", client_put),
                           entry("bare_put", [&] { return bare_put(false); }),
                           entry("bare_put, If-None-Match", [&] { return bare_put(true); })},
                          run.rounds(25));
  JSON high = JSON::object();
  for (const auto& [name, times] : all) high[name] = percentile(times, 0.95);
  results.push_back(
      compare::result("commit_" + std::to_string(atoms), "us", samples,
                      {{"object_bytes", committing.object_size()}, {"p95_us", high}}));
}

}  // namespace

void run_latency(const Run& run, JSON& results) {
  for (const int atoms : {1, 100, 1000}) measure(run, atoms, results);
}

}  // namespace protobase::cloud_bench
