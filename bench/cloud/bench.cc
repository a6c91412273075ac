#include "bench.h"

#include <random>

#include "bare_put.h"
#include "protobase/mock_s3_client.h"
#include "protobase/s3_client.h"

namespace protobase::cloud_bench {

ClientFactory client_factory(const Run& run, const std::string& prefix) {
  if (run.mock) {
    const auto bucket = MockS3Client().bucket();
    return [=] { return std::make_shared<MockS3Client>(bucket, prefix); };
  }
  S3ClientOptions options;
  options.bucket = run.bucket;
  options.prefix = prefix;
  options.endpoint_url = run.endpoint;
  options.region = kRegion;
  options.access_key = run.access_key;
  options.secret_key = run.secret_key;
  options.path_style = true;
  return [=] { return std::make_shared<S3Client>(options); };
}

Run in_own_bucket(Run run, const std::string& name) {
  run.bucket += "-" + name;
  if (!run.mock) BarePut(run).make_bucket();
  return run;
}

std::vector<std::byte> numbered_record(std::uint64_t number, std::size_t size) {
  std::mt19937_64 random(number);
  std::vector<std::byte> record(size);
  for (std::size_t i = 0; i < size; i += 8) {
    const std::uint64_t word = random();
    std::memcpy(record.data() + i, &word, std::min<std::size_t>(8, size - i));
  }
  return record;
}

CloudRequestCounts operator-(const CloudRequestCounts& a, const CloudRequestCounts& b) {
  return {.puts = a.puts - b.puts,
          .gets = a.gets - b.gets,
          .lists = a.lists - b.lists,
          .deletes = a.deletes - b.deletes,
          .bytes_sent = a.bytes_sent - b.bytes_sent,
          .bytes_received = a.bytes_received - b.bytes_received};
}

CloudRequestCounts& operator+=(CloudRequestCounts& a, const CloudRequestCounts& b) {
  a.puts += b.puts;
  a.gets += b.gets;
  a.lists += b.lists;
  a.deletes += b.deletes;
  a.bytes_sent += b.bytes_sent;
  a.bytes_received += b.bytes_received;
  return a;
}

std::uint64_t requests(const CloudRequestCounts& counts) {
  return counts.puts + counts.gets + counts.lists + counts.deletes;
}

JSON to_json(const CloudRequestCounts& counts) {
  return {{"puts", counts.puts},
          {"gets", counts.gets},
          {"lists", counts.lists},
          {"deletes", counts.deletes},
          {"bytes_sent", counts.bytes_sent},
          {"bytes_received", counts.bytes_received}};
}

StorageOptions without_caches() {
  StorageOptions options;
  options.enable_atom_object_cache = false;
  options.enable_atom_bytes_cache = false;
  return options;
}

}  // namespace protobase::cloud_bench
