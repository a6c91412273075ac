// The writer a root register is tested with: puts commit records into a WAL the way the engine
// does, so that the register's precondition - what it is given is durable - holds.
#pragma once

#include <memory>
#include <optional>

#include "format/record.h"
#include "protobase/block_provider.h"
#include "wal/log_buffer.h"

namespace protobase::conformance {

class DurableCommits final {
 public:
  explicit DurableCommits(BlockProvider& provider) : provider_(provider) {}

  /// Where the next record will start.
  AtomPointer next() {
    claim();
    return buffer_.next();
  }

  /// Under the caller's lock: an atom and the commit of it, durable but not yet published.
  RootVersion write(const std::optional<RootVersion>& current) {
    claim();
    RootVersion version;
    version.sequence = provider_.root_register().next_sequence();
    version.previous_sequence = current ? current->sequence : 0;
    version.previous_commit = current ? current->commit : AtomPointer{};
    version.time_us = 1'700'000'000'000'000;
    provider_.root_register().prepare(version.sequence, version.sequence, buffer_.next());
    const auto payload = as_bytes("{\"root\": true}");
    version.root = buffer_.append(format::RecordType::kData, RecordFormat::kJSON, payload,
                                  format::hash_payload(payload));
    buffer_.append_commit(version);
    while (const auto operation = buffer_.next_operation()) {
      provider_.write(*operation);
      provider_.sync(operation->transaction_id);
      buffer_.mark_written(*operation);
      buffer_.mark_durable(*operation);
    }
    return version;
  }

  /// The whole of it; nullopt when the register said conflict.
  std::optional<RootVersion> commit() {
    auto& root = provider_.root_register();
    const auto lock = root.lock(10'000);
    const auto current = root.read();
    const RootVersion version = write(current);
    const auto expected = current ? std::optional(current->sequence) : std::nullopt;
    if (!root.compare_and_set(expected, version)) return std::nullopt;
    return version;
  }

 private:
  void claim() {
    if (!buffer_.has_wal()) buffer_.start_wal(provider_.claim_wal());
  }

  BlockProvider& provider_;
  wal::LogBuffer buffer_{64 * 1024};
};

}  // namespace protobase::conformance
