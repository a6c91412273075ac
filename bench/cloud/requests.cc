// Requests of a commit and the bytes it sends, for several sizes.
#include "bench.h"

namespace protobase::cloud_bench {
namespace {

struct Shape {
  int atoms;
  std::size_t size;
};

/// What the format needs at least: 256 of header; each record with 16 bytes of its own, padded to
/// 8; a commit record of `commit_bytes`.
std::uint64_t floor_bytes(const Shape& shape) {
  constexpr std::uint64_t kHeader = 256, kRecord = 16;
  const std::uint64_t record = (kRecord + shape.size + 7) / 8 * 8;
  return kHeader + static_cast<std::uint64_t>(shape.atoms) * record;
}

JSON measure(const Run& run, const Shape& shape) {
  const std::string name = std::to_string(shape.atoms) + "x" + std::to_string(shape.size);
  const auto client = client_factory(run, run.prefix + "/requests/" + name)();
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
          {"prefix", run.prefix + "/requests/" + name + "/"},
          {"bytes_per_byte", static_cast<double>(counts.bytes_sent) / pushed},
          {"without_commit_record", static_cast<double>(floor_bytes(shape)) /
                                        static_cast<double>(shape.size) / shape.atoms}};
}

}  // namespace

void run_requests(const Run& run, JSON& results) {
  JSON rows = JSON::object();
  for (const Shape shape : {Shape{1, 200}, Shape{10, 200}, Shape{100, 200}, Shape{1000, 200},
                            Shape{1, 1024}, Shape{1000, 1024}, Shape{1, 65'536}}) {
    rows[std::to_string(shape.atoms) + "x" + std::to_string(shape.size)] = measure(run, shape);
  }
  results.push_back(compare::result("requests", "count", {}, rows));
}

}  // namespace protobase::cloud_bench
