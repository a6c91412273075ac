// The history of roots as a witness: whoever follows it back from the newest commit learns how much
// of every WAL on its way was durable, also where the records that said so are damaged.
#pragma once

#include <vector>

#include "file/space_damage.h"
#include "file/space_directory.h"
#include "protobase/root_register.h"

namespace protobase::file {

/// Goes back from each of `newest` and adds to `chain` what the commit records on the way prove.
/// Where one cannot be read, that is noted, and it goes on from the next of `newest`.
///
/// It ends when no WAL that was left open can lack anything older: at once in a closed space. In
/// any it ends after 10,000 records; the WALs that may lack what lies further back are undecided
/// then. A forged history does not keep it going: sequences fall.
void follow_commits(const SpaceDirectory& directory, std::vector<RootVersion> newest,
                    WALChain& chain);

}  // namespace protobase::file
