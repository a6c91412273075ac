// Payloads of commit records: reading and writing are each other's inverse, bit for bit, and every
// field stands where the drawing in docs/internals/file_format.md has it.
#include <array>

#include "base/endian.h"
#include "format/commit_record.h"
#include "fuzz/fuzzing.h"

namespace {

using protobase::AtomPointer;
using protobase::format::kCommitPayloadSize;
using protobase::fuzz::require;
using Payload = std::array<std::byte, kCommitPayloadSize>;

std::uint64_t u64(const Payload& payload, std::size_t at) {
  return protobase::base::load_le<std::uint64_t>(payload.data() + at);
}

bool is_pointer(const AtomPointer& pointer, const Payload& payload, std::size_t at) {
  return std::memcmp(pointer.transaction_id.bytes.data(), payload.data() + at, 16) == 0 &&
         pointer.offset == u64(payload, at + 16);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  protobase::fuzz::Input input(data, size);
  Payload payload{};
  input.fill(payload);
  AtomPointer where;
  input.fill(std::as_writable_bytes(std::span(where.transaction_id.bytes)));
  where.offset = input.integer<std::uint64_t>();

  const auto commit = protobase::format::read_commit_payload(payload, where);
  require(commit.version.sequence == u64(payload, 0));
  require(commit.version.previous_sequence == u64(payload, 8));
  require(static_cast<std::uint64_t>(commit.version.time_us) == u64(payload, 16));
  require(is_pointer(commit.version.root, payload, 24));
  require(is_pointer(commit.version.previous_commit, payload, 48));
  require(commit.durable_offset == u64(payload, 72));
  require(commit.version.commit == where);
  Payload again{};
  protobase::format::write_commit_payload(again, commit);
  require(again == payload);
  return 0;
}
