// Makes a healthy space out of what can still be read of a damaged store, in a directory or a
// bucket.
#pragma once

#include <string>

#include "protobase/cloud_copy.h"
#include "protobase/export.h"
#include "protobase/salvage.h"

namespace protobase {

/// As salvage_space() of protobase/salvage.h, from a bucket too: whatever objects are missing,
/// truncated or damaged, the checkpoint among them. `to` is a directory; copy_space() brings it
/// into a bucket, at a prefix that is empty. Nothing of `from` is changed. Of `options`,
/// segment_size has no meaning here.
///
/// In the report, an object that is missing is named; with it the bytes of a WAL that it held, as
/// far as anything tells. Where nothing that is left says whether the objects at the end of a WAL
/// were ever part of the log ("perhaps never acknowledged"), their atoms are kept; their commits
/// are, unless others took their place.
///
/// Memory: about 150 bytes for each object, 200 MiB, and three times the longest record. Errors: as
/// salvage_space(), and those of the client: a request that fails is tried again. An object that
/// the store refuses to give is lost then; when it gives none, or answers no listing either, the
/// call ends, because what cannot be asked for now is not lost. NotFoundError: no object of a store
/// is there.
PROTOBASE_EXPORT SalvageReport salvage_space(const SpacePlace& from, const std::string& to,
                                             const CloudCopyOptions& options = {});

}  // namespace protobase
