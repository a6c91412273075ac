// What the groups of the measurement of buckets share: where the server is, clients of it, records
// that can be checked, and counts as JSON. README.md says what is measured and how.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/compare/measure.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud_bench {

using compare::JSON;
using compare::Stopwatch;

/// A server of the API of S3, and what a group is asked for.
struct Run {
  std::string endpoint;  ///< http://host:port
  std::string bucket = "bench";
  std::string prefix;  ///< of everything this process keeps in a bucket
  std::string access_key;
  std::string secret_key;
  std::string directory;  ///< upload: of the files
  std::string as;         ///< upload: protobase or bare_put
  std::uint64_t commits = 10;
  double budget_s = 600;       ///< no further commit behind it; then the log is short of `commits`
  std::uint64_t seconds = 60;  ///< idle
  int parallel = 8;
  bool quick = false;
  bool mock = false;  ///< MockS3Client in place of a server
  bool merge = false;
  int rounds(int full) const { return quick ? 5 : full; }
};

inline constexpr const char* kRegion = "us-east-1";

/// Another client of the same prefix with counts of its own: what another process would be.
using ClientFactory = std::function<std::shared_ptr<CloudStorageClient>()>;
/// Clients of the run's server, or of one bucket in memory.
ClientFactory client_factory(const Run& run, const std::string& prefix);

/// `run` in a bucket of its own, "-NAME" behind the run's, and made: what the server's log says of
/// that bucket is then of this client and of no other.
Run in_own_bucket(Run run, const std::string& name);

/// `size` bytes that follow from `number`.
std::vector<std::byte> numbered_record(std::uint64_t number, std::size_t size);

CloudRequestCounts operator-(const CloudRequestCounts& a, const CloudRequestCounts& b);
CloudRequestCounts& operator+=(CloudRequestCounts& a, const CloudRequestCounts& b);
/// All, of whichever kind.
std::uint64_t requests(const CloudRequestCounts& counts);
JSON to_json(const CloudRequestCounts& counts);

/// No cache of atoms, so that every get reaches the provider.
StorageOptions without_caches();

void run_latency(const Run& run, JSON& results);
void run_requests(const Run& run, JSON& results);
void run_upload(const Run& run, JSON& results);
void run_idle(const Run& run, JSON& results);
void run_log(const Run& run, JSON& results);

}  // namespace protobase::cloud_bench
