// What copy_space() copies, wherever it lies: the WALs of a store, each as far as it went at one
// moment, and the root of that moment. Targets are storage/directory_copy.h and, in the cloud
// library, storage/cloud/bucket_copy.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "file/space_directory.h"
#include "protobase/errors.h"
#include "protobase/root_register.h"
#include "protobase/wal.h"
#include "storage/space_transfer.h"
#include "wal/scanner.h"

namespace protobase::storage {

struct CopiedWAL {
  UUID id;
  WALLayout layout = WALLayout::kVersion1;
  std::uint64_t end = 0;
  bool sealed = false;
  std::optional<AtomPointer> predecessor{};

  std::uint64_t begin() const noexcept {
    return layout == WALLayout::kLegacyPython ? 0 : kWALFirstRecordOffset;
  }
};

struct CopiedState {
  std::vector<CopiedWAL> wals;
  std::optional<RootVersion> root{};            ///< the newest commit
  std::optional<AtomPointer> inherited_root{};  ///< left by the Python storage

  std::optional<AtomPointer> current_root() const {
    return root ? std::optional(root->root) : inherited_root;
  }
  std::uint64_t bytes() const noexcept {
    std::uint64_t sum = 0;
    for (const CopiedWAL& wal : wals) sum += wal.end;
    return sum;
  }
  bool has(const UUID& id) const {
    return std::ranges::any_of(wals, [&](const CopiedWAL& wal) { return wal.id == id; });
  }
};

class CopySource {
 public:
  CopySource() = default;
  virtual ~CopySource() = default;
  CopySource(const CopySource&) = delete;
  CopySource& operator=(const CopySource&) = delete;

  virtual const SourceName& name() const = 0;
  /// Does not change; others may go on writing meanwhile.
  virtual const CopiedState& state() const = 0;
  /// For reading from front to back. Valid as long as the source.
  virtual wal::ReadSome open(const CopiedWAL& wal) = 0;
  /// Puts into `target` what the Python storage left beside its WALs.
  virtual void copy_python_files(const file::SpaceDirectory& target) = 0;
};

/// Visits every record of `wal` from `begin` on, a record boundary. CorruptionError: damage. The
/// records of legacy WALs, which have no checksums, are not for this.
template <typename Visit>
void visit_records(const CopiedWAL& wal, std::uint64_t begin, wal::WindowReader& window,
                   const Visit& visit) {
  wal::scan_records({wal.id, begin, wal.end, wal.end}, window,
                    [&](const RecordInfo& info, std::span<const std::byte> payload) {
                      if (info.kind == RecordKind::kBad || info.kind == RecordKind::kTorn) {
                        throw CorruptionError(info.pointer, info.reason);
                      }
                      visit(info, payload);
                      return true;
                    });
}

}  // namespace protobase::storage
