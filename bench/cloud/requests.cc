// Requests of a commit and the bytes it sends, for several sizes.
#include "bench.h"

namespace protobase::cloud_bench {
namespace {

struct Shape {
  int atoms;
  std::size_t size;
};

std::string name_of(const Shape& shape) {
  return std::to_string(shape.atoms) + "x" + std::to_string(shape.size);
}

JSON measure(const Run& run, const Shape& shape) {
  const Run own = in_own_bucket(run, name_of(shape));
  const auto client = client_factory(own, own.prefix)();
  const int commits = run.quick ? 20 : 100;
  CloudRequestCounts counts;
  {
    CloudFileStorage storage(client);
    std::uint64_t number = 0;
    const auto commit = [&] {
      AtomPointer last;
      for (int i = 0; i < shape.atoms; ++i) {
        last = storage.push_bytes(numbered_record(++number, shape.size));
      }
      storage.set_current_root(last);
    };
    commit();  // makes the store and takes over its log
    const CloudRequestCounts before = client->counts();
    for (int i = 0; i < commits; ++i) commit();
    counts = client->counts() - before;
  }
  const double pushed = static_cast<double>(shape.size) * shape.atoms * commits;
  return {{"atoms", shape.atoms},
          {"size", shape.size},
          {"commits", commits},
          {"counts", to_json(counts)},
          {"client_total", to_json(client->counts())},
          {"bucket", own.bucket},
          {"bytes_per_byte", static_cast<double>(counts.bytes_sent) / pushed}};
}

}  // namespace

void run_requests(const Run& run, JSON& results) {
  JSON rows = JSON::object();
  for (const Shape shape :
       {Shape{1, 200}, Shape{10, 200}, Shape{100, 200}, Shape{1000, 200}, Shape{1000, 400},
        Shape{1, 1024}, Shape{1000, 1024}, Shape{100, 4096}, Shape{1, 65'536}}) {
    rows[name_of(shape)] = measure(run, shape);
  }
  results.push_back(compare::result("requests", "count", {}, rows));
}

}  // namespace protobase::cloud_bench
