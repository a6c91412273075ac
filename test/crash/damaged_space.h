// A small space, closed or left by a kill, copies of it that a test damages, and what must hold of
// each: right bytes or a clear error, never wrong bytes, never an older root without an error; what
// is not hit can be read and is listed; verify names what is hit.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protobase/file_block_provider.h"
#include "protobase/storage.h"
#include "test/crash/workload.h"
#include "testing/memory_file_system.h"

namespace protobase::crash {

inline constexpr std::uint64_t kDamageSeed = 4711;

struct Stored {
  AtomPointer pointer;
  std::string payload;
};

/// One place of a WAL: a record of any kind.
struct Place {
  AtomPointer pointer;
  std::uint64_t end = 0;
  RecordKind kind = RecordKind::kData;
};

/// A space and what is in it.
struct Space {
  std::shared_ptr<testing::MemoryFileSystem> files = std::make_shared<testing::MemoryFileSystem>();
  std::vector<Stored> atoms;
  std::vector<Place> places;
  std::vector<AtomPointer> roots;  // newest first

  std::vector<std::string> paths() const;
  /// The record that the byte belongs to; nullptr: none, or not in a WAL.
  const Place* place_at(const std::string& path, std::uint64_t offset) const;
  /// Where the last record of a WAL ends; 4096 when there is none.
  std::uint64_t log_end(const std::string& path) const;
  /// Reads roots and places from the files.
  void take_stock();
};

AtomPointer push(SharedStorage& storage, Space& space, std::size_t size);
/// What a first and a second process leave: commits in two WALs, and a sealed WAL when `large`.
Space make_space(bool large);
/// What two processes leave that are killed. Everything was acknowledged by commits, the newest two
/// of them the second's; protobase.root is there unless `root_file_is_lost`.
Space make_unclosed_space(bool root_file_is_lost);
/// The WAL that a path names.
std::optional<UUID> wal_of(const std::string& path);

/// What somebody found out about a damaged copy.
struct Findings {
  std::string wrong;                 ///< what must not be; empty when all is well
  std::set<std::size_t> unreadable;  ///< atoms
  std::set<AtomPointer> listed;      ///< data records that scans visited
  bool opened = false;
  bool root_right = false;
  VerifyReport report;

  /// Whether verify tells of damage that begins there.
  bool names(const AtomPointer& pointer) const;
};

/// Opens `files` and looks at everything. `judge_root`: another root or history is wrong.
Findings examine(const Space& space, const std::shared_ptr<testing::MemoryFileSystem>& files,
                 SpaceAccess access, bool judge_root = true);

/// Collects what went wrong; each kind is told once, with its first place.
class Failures {
 public:
  /// Numbers and ids in `kind` make no difference.
  void add(const std::string& kind, const std::string& where);
  void tell() const;

 private:
  std::map<std::string, std::pair<std::string, std::uint64_t>> failures_;
};

/// Looks at damaged copies of a space in both ways, and pushes to them if they let us: no pointer
/// may be handed out twice.
class Damage {
 public:
  Damage(Failures& failures, const Space& space) : failures_(failures), space_(space) {}

  /// `root_is_gone`: no witness of the newest root is left, so an older one may be taken for it.
  void look(const std::string& what, const std::shared_ptr<testing::MemoryFileSystem>& damaged,
            bool verify_must_tell, bool root_is_gone = false);
  /// One file was replaced by `bytes`, in place; everything it did not touch must be as before.
  /// Nothing is looked at when that changes nothing.
  void look_at_change(const std::string& what, const std::string& path,
                      const std::vector<std::byte>& bytes);

  std::uint64_t looks() const { return looks_; }

 private:
  struct Change;
  void judge_change(const std::string& who, const std::string& what, const Change& change,
                    const Findings& found);
  void push_more(const std::string& what, const std::shared_ptr<testing::MemoryFileSystem>& files);
  void check_not_wrong(SharedStorage& storage, const Stored& atom, const std::string& what);

  Failures& failures_;
  const Space& space_;
  std::uint64_t looks_ = 0;
};

}  // namespace protobase::crash
