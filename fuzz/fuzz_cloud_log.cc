// Objects of the commit log in a bucket: whatever lies there is read or refused, and what was read
// keeps what is promised. Checksums are made right first, so that what is behind them is reached.
#include <string>
#include <vector>

#include "base/endian.h"
#include "base/hash.h"
#include "cloud/copy_marker.h"
#include "cloud/log_checkpoint.h"
#include "cloud/slot.h"
#include "fuzz/fuzzing.h"
#include "protobase/errors.h"

namespace {

using protobase::CorruptionError;
using protobase::ProtoBaseError;
using protobase::fuzz::require;
using protobase::fuzz::result_unless;
namespace base = protobase::base;
namespace cloud = protobase::cloud;

constexpr const char* kLocation = "s3://bucket";

void check_slot(std::span<const std::byte> object) {
  constexpr std::uint64_t kAnyNumber = 1;
  auto header = result_unless<ProtoBaseError>(
      [&] { return cloud::read_slot_header(object, kAnyNumber, kLocation); });
  if (!header) return;
  require(header->inline_bytes <= header->length && header->begin <= header->end());
  require(header->body_size() <= cloud::kMaxSlotBody + cloud::kMaxSegmentsOfSlot * 8);
  if (object.size() < cloud::kSlotHeaderSize + header->body_size()) return;
  const auto body = object.subspan(cloud::kSlotHeaderSize, header->body_size());
  header->body_hash = base::xxh3(body);  // or nothing behind the check would ever be reached
  const auto ends = result_unless<CorruptionError>(
      [&] { return cloud::read_segment_ends(*header, body, kLocation); });
  if (ends && !ends->empty()) require(ends->back() == header->end() - header->inline_bytes);
}

void check_checkpoint(std::span<const std::byte> object) {
  const auto read =
      result_unless<ProtoBaseError>([&] { return cloud::read_checkpoint(object, kLocation); });
  if (!read) return;
  require(read->boundary >= 1 && read->boundary <= read->slot + 1);
  require(cloud::read_checkpoint(cloud::write_checkpoint(*read), kLocation) == *read);
}

void check_marker(std::span<const std::byte> object) {
  const auto read =
      result_unless<ProtoBaseError>([&] { return cloud::read_copy_marker(object, kLocation); });
  if (!read) return;
  require(cloud::read_copy_marker(cloud::write_copy_marker(*read), kLocation) == *read);
}

void check_key(std::span<const std::byte> bytes) {
  const std::string key(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto name = cloud::parse_segment_key(key);
  if (!name) return;
  require(name->begin < name->end);
  require(cloud::segment_key(*name) == key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  check_key(bytes);
  check_slot(bytes);
  check_checkpoint(bytes);
  check_marker(bytes);
  if (size >= cloud::kSlotHeaderSize) {
    base::store_le<std::uint64_t>(bytes.data() + 248, base::xxh3({bytes.data(), 248}));
    check_slot(bytes);
  }
  if (size >= 24) {
    base::HashStream hash;
    hash.add(std::span(bytes).first(16));
    hash.add(std::span(bytes).subspan(24));
    base::store_le<std::uint64_t>(bytes.data() + 16, hash.value());
    check_checkpoint(bytes);
  }
  return 0;
}
