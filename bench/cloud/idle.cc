// What open stores that nobody uses cost, and what a root costs that is asked for all the time.
#include <thread>

#include "bench.h"

namespace protobase::cloud_bench {
namespace {

constexpr auto kPause = std::chrono::milliseconds(1);

struct Watched {
  std::string name;
  std::shared_ptr<CloudStorageClient> client;
  std::unique_ptr<CloudFileStorage> storage;
  bool is_asked = false;
  CloudRequestCounts before{};
  std::uint64_t asked = 0;
};

}  // namespace

void run_idle(const Run& run, JSON& results) {
  const Run own = in_own_bucket(run, "idle");
  const auto make_client = client_factory(own, own.prefix);
  const auto writer_client = make_client();
  auto writer = std::make_unique<CloudFileStorage>(writer_client);
  writer->set_current_root(writer->push_bytes(numbered_record(1, 200)));
  CloudStorageOptions reading;
  reading.access = SpaceAccess::kReadOnly;
  std::vector<Watched> all;
  all.push_back(
      {"writer, its root asked for all the time", writer_client, std::move(writer), true});
  for (const bool is_asked : {false, true}) {
    const auto client = make_client();
    all.push_back({is_asked ? "reader, its root asked for all the time" : "reader", client,
                   std::make_unique<CloudFileStorage>(client, reading), is_asked});
    all.back().storage->read_current_root();
  }
  for (Watched& one : all) one.before = one.client->counts();
  const Stopwatch watch;
  while (watch.seconds() < static_cast<double>(run.seconds)) {
    for (Watched& one : all) {
      if (one.is_asked) one.storage->read_current_root(), ++one.asked;
    }
    std::this_thread::sleep_for(kPause);
  }
  JSON rows = JSON::object();
  for (Watched& one : all) {
    rows[one.name] = {{"counts", to_json(one.client->counts() - one.before)}, {"asked", one.asked}};
  }
  CloudRequestCounts total;
  for (Watched& one : all) {
    one.storage.reset();
    total += one.client->counts();
  }
  results.push_back(compare::result("idle", "count", {},
                                    {{"seconds", run.seconds},
                                     {"poll_interval_ms", reading.poll_interval_ms},
                                     {"stores", rows},
                                     {"client_total", to_json(total)},
                                     {"bucket", own.bucket}}));
}

}  // namespace protobase::cloud_bench
