// Walks over stored WALs through a block provider: for scan_wal, verify, dump and the like.
#pragma once

#include <functional>
#include <vector>

#include "engine/record_reader.h"
#include "protobase/block_provider.h"
#include "protobase/storage.h"
#include "wal/scanner.h"

namespace protobase::engine {

/// Visits every place of `wal` that is with the medium, in order.
void scan_wal(BlockProvider& provider, const UUID& wal, const wal::VisitRecord& visit);
/// The same from a record at or before `place` on, of a WAL of the Python storage from the first.
void scan_wal_around(BlockProvider& provider, const AtomPointer& place,
                     const wal::VisitRecord& visit);

/// Reads and checks every record of `wals`, every commit from the root back, and the root.
VerifyReport verify_store(
    BlockProvider& provider, RecordReader& reader, const std::vector<WALDescription>& wals,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress);

}  // namespace protobase::engine
