// Everything that a damaged version-1 WAL still gives: also records inside a range that the scanner
// passes over as one bad place, and records behind a torn place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "os/file_system.h"
#include "protobase/storage.h"

namespace protobase::storage {

/// A WAL file to read to its end.
struct RemainsSource {
  UUID wal;
  os::File& file;
  std::uint64_t size = 0;    ///< of the file
  std::uint64_t proven = 0;  ///< all below was durable once
};

/// `acknowledged`: false behind a torn place, where nothing proves that anybody was told of it.
using VisitRemains = std::function<void(const RecordInfo& info, std::span<const std::byte> payload,
                                        bool acknowledged)>;

/// Visits every record that can be read, in order, and between them, as kBad with its size, every
/// range where none can. A data record whose padding alone is damaged is as it was written. Zeros
/// at the end of the file that nothing proves to have been written are not visited.
void read_remains(const RemainsSource& source, const VisitRemains& visit);

}  // namespace protobase::storage
