// A slot of the commit log in a bucket: the header of 256 bytes in front of its body
// (docs/internals/cloud_format.md has the layout), and the keys of objects.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protobase/root_register.h"
#include "protobase/uuid.h"

namespace protobase::cloud {

inline constexpr std::size_t kSlotHeaderSize = 256;
inline constexpr std::uint32_t kCloudFormatVersion = 1;
inline constexpr std::uint64_t kMaxSegmentsOfSlot = 65'536;
/// A longer body is damage, never an allocation.
inline constexpr std::uint64_t kMaxSlotBody = std::uint64_t{64} << 20;
/// In front of the numbers of slots.
inline constexpr const char* kSlotPrefix = "log/";
inline constexpr const char* kSegmentPrefix = "segments/";
inline constexpr const char* kCheckpointKey = "checkpoint";

enum class SlotKind {
  kClaim,  ///< a writer took over
  kPlain,  ///< continues the WAL that was begun last
  kOther,  ///< begins a WAL, continues an older one, or has segments
};

struct SlotHeader {
  std::uint64_t number = 0;
  std::uint64_t epoch = 0;
  UUID commit_id;
  UUID store;
  UUID wal;  ///< nil in a claim
  std::uint64_t begin = 0;
  std::uint64_t length = 0;         ///< bytes of the WAL covered
  std::uint64_t inline_bytes = 0;   ///< the last of them, in the body
  std::uint64_t segments = 0;       ///< that hold those before
  std::uint64_t records = 0;        ///< of the WAL, up to end()
  std::optional<RootVersion> root;  ///< the newest when this slot was put
  std::uint64_t body_hash = 0;

  std::uint64_t end() const noexcept { return begin + length; }
  bool is_claim() const noexcept { return wal.is_nil(); }
  std::uint64_t body_size() const noexcept { return inline_bytes + segments * 8; }

  friend bool operator==(const SlotHeader&, const SlotHeader&) = default;
};

std::array<std::byte, kSlotHeaderSize> write_slot_header(const SlotHeader& header) noexcept;

/// Checks everything that can be checked without the body. Throws CorruptionError naming slot and
/// location, NotSupportedError for a newer version (one that somebody wrote, as the checksum
/// tells).
SlotHeader read_slot_header(std::span<const std::byte> object, std::uint64_t number,
                            const std::string& location);

/// Size of the object for the kind that the slot is to have.
std::uint64_t slot_object_size(const SlotHeader& header, SlotKind kind) noexcept;
/// nullopt: no slot has that size.
std::optional<SlotKind> slot_kind_of_size(std::uint64_t object_size) noexcept;

/// Where the segments end, by which their objects are found: nothing but the checksum of the body
/// tells that one is wrong. `body`: header.body_size() bytes. Throws CorruptionError.
std::vector<std::uint64_t> read_segment_ends(const SlotHeader& header,
                                             std::span<const std::byte> body,
                                             const std::string& location);

std::string slot_key(std::uint64_t number);
/// nullopt: not the key of a slot.
std::optional<std::uint64_t> parse_slot_key(const std::string& key);

/// A segment, as its key names it.
struct SegmentName {
  UUID wal;
  std::uint64_t begin = 0;  ///< its bytes are those of the WAL from here
  std::uint64_t end = 0;    ///< to here
  UUID id{};                ///< nil: made by a merge

  std::uint64_t size() const noexcept { return end - begin; }
  friend bool operator==(const SegmentName&, const SegmentName&) = default;
};
std::string segment_key(const SegmentName& segment);
/// nullopt: not the key of a segment, or of one that ends before it begins.
std::optional<SegmentName> parse_segment_key(const std::string& key);

}  // namespace protobase::cloud
