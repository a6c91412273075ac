#include "format/commit_record.h"

#include "base/endian.h"
#include "format/pointer_bytes.h"

namespace protobase::format {
void write_commit_payload(std::span<std::byte, kCommitPayloadSize> out,
                          const CommitPayload& commit) noexcept {
  std::byte* p = out.data();
  base::store_le<std::uint64_t>(p, commit.version.sequence);
  base::store_le<std::uint64_t>(p + 8, commit.version.previous_sequence);
  base::store_le<std::int64_t>(p + 16, commit.version.time_us);
  store_pointer(p + 24, commit.version.root);
  store_pointer(p + 48, commit.version.previous_commit);
  base::store_le<std::uint64_t>(p + 72, commit.durable_offset);
}

CommitPayload read_commit_payload(std::span<const std::byte, kCommitPayloadSize> payload,
                                  const AtomPointer& where) noexcept {
  const std::byte* p = payload.data();
  CommitPayload commit;
  commit.version.sequence = base::load_le<std::uint64_t>(p);
  commit.version.previous_sequence = base::load_le<std::uint64_t>(p + 8);
  commit.version.time_us = base::load_le<std::int64_t>(p + 16);
  commit.version.root = load_pointer(p + 24);
  commit.version.previous_commit = load_pointer(p + 48);
  commit.version.commit = where;
  commit.durable_offset = base::load_le<std::uint64_t>(p + 72);
  return commit;
}

}  // namespace protobase::format
