// The floor: one connection of libcurl that puts bytes under a key, signed as S3Client signs. It
// does what `curl --upload-file` does, without a process for each object.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "bench.h"

namespace protobase::cloud_bench {

/// Not thread-safe; one connection, kept.
class BarePut final {
 public:
  explicit BarePut(const Run& run);
  ~BarePut();
  BarePut(const BarePut&) = delete;
  BarePut& operator=(const BarePut&) = delete;

  /// `key` needs no encoding. Throws unless the answer is 200.
  void put(const std::string& key, std::span<const std::byte> body, bool if_absent);
  void make_bucket();

 private:
  class Connection;
  void send(const std::string& path, std::span<const std::byte> body, bool if_absent);

  const Run run_;
  const std::unique_ptr<Connection> connection_;
};

}  // namespace protobase::cloud_bench
