// The file `protobase.root`: shows the newest root to other processes. A hint: it is written
// without a sync and can be made anew from the WALs. 4096 bytes, all but these zero:
//
//   0    published root, 136 bytes           512  intent, 56 bytes
//     0   8 B  magic "PBROOT\r\n"              0   u64  first sequence of a commit being written
//     8   u32  version 1, u32 zero             8   u64  last sequence of it
//     16  u64  sequence                        16  16 B WAL in which its records may appear
//     24  u64  previous sequence               32  u64  from this offset on
//     32  i64  time, us since 1970 UTC         40  u64  0 pending, 1 abandoned
//     40  24 B root: WAL, offset               48  u64  checksum: XXH3-64 of bytes 0-47
//     64  24 B commit record: WAL, offset
//     88  24 B previous commit record
//     112 16 B zero
//     128 u64  checksum: XXH3-64 of bytes 0-127
//
// Both are written in place under the root lock; a reader that meets a half-written one reads
// again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "protobase/root_register.h"

namespace protobase::format {

inline constexpr std::size_t kPublishedRootSize = 136;
inline constexpr std::size_t kIntentPlace = 512;
inline constexpr std::size_t kIntentSize = 56;

/// A commit that may be half way into a WAL, or was given up there.
struct CommitIntent {
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  AtomPointer scan_from;
  bool abandoned = false;
};

std::array<std::byte, kPublishedRootSize> make_published_root(const RootVersion& version) noexcept;
/// nullopt: zeros, torn or damaged. Throws NotSupportedError for a newer version.
std::optional<RootVersion> read_published_root(
    std::span<const std::byte, kPublishedRootSize> bytes);

std::array<std::byte, kIntentSize> make_intent(const CommitIntent& intent) noexcept;
/// nullopt: zeros, torn or damaged.
std::optional<CommitIntent> read_intent(std::span<const std::byte, kIntentSize> bytes) noexcept;

}  // namespace protobase::format
