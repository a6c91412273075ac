// The checkpoint object: how to read everything up to some slot without reading the slots
// (docs/internals/cloud_format.md).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "cloud/wal_index.h"
#include "protobase/errors.h"
#include "protobase/root_register.h"
#include "protobase/shared_bytes.h"

namespace protobase::cloud {

/// Written for a store that holds WALs of the Python storage; others are of version 1.
inline constexpr std::uint32_t kCheckpointVersion = 2;
/// Larger ones are damage, never an allocation: the index of some 2 million slots.
inline constexpr std::uint64_t kMaxCheckpointSize = std::uint64_t{64} << 20;

struct LogCheckpoint {
  UUID store;
  std::uint64_t slot = 0;      ///< the newest one this knows; 0: none
  std::uint64_t boundary = 1;  ///< slots below are in segments and may be gone, claims aside
  std::uint64_t epoch = 0;     ///< of the newest slot
  std::optional<RootVersion> root;
  std::optional<AtomPointer> inherited_root{};  ///< left by the Python storage
  WALIndex index;

  friend bool operator==(const LogCheckpoint&, const LogCheckpoint&) = default;
};

/// It does not begin as one does: damage, or an object of somebody else.
class ForeignCheckpointError final : public CorruptionError {
 public:
  using CorruptionError::CorruptionError;
};

Bytes write_checkpoint(const LogCheckpoint& checkpoint);

/// Throws CorruptionError naming the location (which may be a ForeignCheckpointError),
/// NotSupportedError for a newer version (one that somebody wrote, as the checksum tells).
LogCheckpoint read_checkpoint(std::span<const std::byte> object, const std::string& location);

}  // namespace protobase::cloud
