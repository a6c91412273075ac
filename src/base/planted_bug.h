// Bugs that the library can be built with, to test its tests: a crash suite that stays green when a
// sync is left out proves nothing. Only the build option PROTOBASE_PLANTED_BUGS defines the macro
// of that name, for a second set of objects (cmake/PlantedBugs.cmake) that is never installed. In
// every other build is_planted() is the constant false, and the compiler leaves the bugs out
// altogether. To be included by .cc files only: objects of both kinds are linked into one program.
#pragma once

namespace protobase::base {

/// Each is planted in one place, in the form in which a careless author would write it; see
/// test/planted_bugs/README.md.
enum class PlantedBug {
  kNoDataSync,             ///< a WAL's sync returns without fdatasync
  kNoDirectorySync,        ///< no directory entry is synced
  kChecksumIgnored,        ///< every record verifies
  kAddressNotChecksummed,  ///< a record's checksum does not cover its WAL and offset
  kRetryAfterFailedSync,   ///< fdatasync is called once more, and believed
  kTornTailAccepted,       ///< the hole of a torn write is passed over, what is behind it counts
  kRootBeforeData,         ///< the root is published, then its WAL is written and synced
  kLockOutlivesKill,       ///< the root lock is a file that its holder has to remove
  kFenceDropped,           ///< a slot of the log in a bucket is put without create-if-absent
  kForeignSlotBelieved,    ///< a slot that exists is taken for our own
  kBoundaryIgnored,        ///< a claim is not checked against what was merged away
  kClaimsRemoved,          ///< a merge removes claims too
};

#ifdef PROTOBASE_PLANTED_BUGS
/// Whether the environment variable PROTOBASE_PLANTED_BUG names the bug, as test/planted_bugs
/// spells it ("no_data_sync"). Read once, at the first call. A name that is none ends the process:
/// a harness must not believe that it planted something.
bool is_planted(PlantedBug bug) noexcept;
#else
constexpr bool is_planted(PlantedBug) noexcept { return false; }
#endif

}  // namespace protobase::base
