// A small closed space is damaged in every way a disk or a hand can damage it: every bit flipped,
// every length cut off, files swapped, missing, or replaced by older copies. What is promised:
// right bytes or a clear error, never wrong bytes, never an older root; verify names every damaged
// place of a WAL.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <set>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"
#include "test/crash/workload.h"
#include "testing/memory_file_system.h"

namespace protobase::crash {
namespace {

using ::protobase::testing::MemoryFileSystem;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kBitStep = 67;  // every so many bits: a sanitized build is slow
#else
constexpr std::uint64_t kBitStep = 1;
#endif
constexpr std::uint64_t kSeed = 4711;
// Of a payload longer than this only every kLongStep-th bit is flipped.
constexpr std::uint64_t kLongPayload = 1024;
constexpr std::uint64_t kLongStep = 997;

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

/// A closed space and what is in it.
struct Space {
  std::shared_ptr<MemoryFileSystem> files = std::make_shared<MemoryFileSystem>();
  std::vector<Stored> atoms;
  std::vector<Place> places;
  std::vector<AtomPointer> roots;  // newest first

  std::vector<std::string> paths() const {
    std::vector<std::string> found;
    for (const auto& entry : files->list(kSpace)) found.push_back(kSpace + "/" + entry.name);
    return found;
  }
};

AtomPointer push(SharedStorage& storage, Space& space, std::size_t size) {
  std::string payload = "atom " + std::to_string(space.atoms.size()) + " ";
  payload.resize(size, static_cast<char>('a' + space.atoms.size() % 26));
  const AtomPointer pointer = storage.push_bytes(as_bytes(payload));
  space.atoms.push_back({pointer, payload});
  return pointer;
}

/// What a first and a second process leave: commits in two WALs, and a sealed WAL when `large`.
Space make_space(bool large) {
  Space space;
  const auto first = open_storage(space.files, kSeed);
  const auto second = open_storage(space.files, kSeed + 1);
  first->set_current_root(push(*first, space, 30));
  second->set_current_root(push(*second, space, 51));
  push(*second, space, 17);
  second->flush_wal();
  if (large) push(*first, space, 64 * 1024);
  push(*first, space, 90);
  first->set_current_root(push(*first, space, 64));
  first->close();
  second->close();
  const auto reader = open_storage(space.files, 0, SpaceAccess::kReadOnly);
  for (const auto& version : reader->root_history(100)) space.roots.push_back(version.root);
  for (const auto& wal : reader->list_wals()) {
    reader->scan_wal(wal.transaction_id, [&](const RecordInfo& info) {
      space.places.push_back({info.pointer, info.pointer.offset + info.stored_size, info.kind});
      return true;
    });
  }
  return space;
}

/// What somebody found out about a damaged copy.
struct Findings {
  std::string wrong;                 ///< what must not be; empty when all is well
  std::set<std::size_t> unreadable;  ///< atoms
  bool opened = false;
  bool root_right = false;
  VerifyReport report;
};

/// Runs `call`; true when it worked, false when it failed with one of the errors damage may cause.
bool tolerate(Findings& findings, const std::string& what, const std::function<void()>& call) {
  try {
    call();
    return true;
  } catch (const CorruptionError&) {
  } catch (const NotFoundError&) {
  } catch (const NotSupportedError&) {
  } catch (const std::exception& error) {
    findings.wrong = what + " throws an error of the wrong kind: " + error.what();
  }
  return false;
}

Findings examine(const Space& space, const std::shared_ptr<MemoryFileSystem>& files,
                 SpaceAccess access, bool judge_root = true) {
  Findings found;
  std::unique_ptr<SharedStorage> storage;
  found.opened =
      tolerate(found, "open", [&] { storage = open_storage(files, kSeed + 50, access); });
  if (!found.opened) return found;
  tolerate(found, "read_current_root", [&] {
    found.root_right = storage->read_current_root() == space.roots.front();
    if (!found.root_right && judge_root) found.wrong = "the root is not the newest, and no error";
  });
  tolerate(found, "root_history", [&] {
    std::vector<AtomPointer> roots;
    for (const auto& version : storage->root_history(100)) roots.push_back(version.root);
    if (roots != space.roots && judge_root) found.wrong = "the history is another, and no error";
  });
  for (std::size_t i = 0; i < space.atoms.size(); ++i) {
    const bool readable = tolerate(found, "get_bytes", [&] {
      if (storage->get_bytes(space.atoms[i].pointer).as_text() != space.atoms[i].payload) {
        found.wrong = "wrong bytes of " + space.atoms[i].pointer.to_string();
      }
    });
    if (!readable) found.unreadable.insert(i);
  }
  tolerate(found, "verify", [&] { found.report = storage->verify({}); });
  return found;
}

class Failures {
 public:
  void add(const std::string& kind, const std::string& where) {
    auto& [first, count] = failures_[kind];
    if (count++ == 0) first = where;
  }
  void tell() const {
    for (const auto& [kind, failure] : failures_) {
      ADD_FAILURE() << kind << "\n  first: " << failure.first << "\n  (" << failure.second
                    << " like this)";
    }
  }

 private:
  std::map<std::string, std::pair<std::string, std::uint64_t>> failures_;
};

std::string without_numbers(const std::string& text) {
  std::string kind;
  for (const char c : text) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0 && c != '-') kind += c;
  }
  return kind;
}

std::optional<UUID> wal_of(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.ends_with(".wal") ? UUID::parse(name.substr(0, 36)) : std::nullopt;
}

class Flips {
 public:
  explicit Flips(bool large) : large_(large), space_(make_space(large)) {}

  void run() {
    for (const std::string& path : space_.paths()) {
      const auto bytes = space_.files->content(path);
      for (std::uint64_t bit = 0; bit < bytes.size() * 8; bit += step_at(path, bit)) {
        flip(path, bit);
      }
    }
    std::cout << "seed " << kSeed << ": " << flips_ << " flips, of them " << in_wals_
              << " in WALs\n";
    failures_.tell();
    EXPECT_GT(in_wals_, 100u);
  }

 private:
  const Place* place_at(const std::string& path, std::uint64_t offset) const {
    const auto id = wal_of(path);
    if (!id) return nullptr;
    for (const Place& place : space_.places) {
      if (place.pointer.transaction_id == *id && offset >= place.pointer.offset &&
          offset < place.end) {
        return &place;
      }
    }
    return nullptr;
  }

  std::uint64_t step_at(const std::string& path, std::uint64_t bit) const {
    const std::uint64_t offset = bit / 8;
    const Place* place = place_at(path, offset);
    // The zeros of a header are like those of the small space, where each bit is flipped.
    if (large_ && wal_of(path) && offset > 1100 && offset < kWALFirstRecordOffset)
      return 61 * kBitStep;
    const bool is_long = place != nullptr && place->end - place->pointer.offset > kLongPayload &&
                         offset > place->pointer.offset + 64 &&
                         offset + 64 + kLongStep < place->end;
    return is_long ? kLongStep * kBitStep : kBitStep;
  }

  void flip(const std::string& path, std::uint64_t bit) {
    ++flips_;
    in_wals_ += wal_of(path) ? 1 : 0;
    auto bytes = space_.files->content(path);
    bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
      const auto files = space_.files->clone();
      files->set_content(path, bytes);
      judge(path, bit / 8, access, examine(space_, files, access));
    }
  }

  void judge(const std::string& path, std::uint64_t offset, SpaceAccess access,
             const Findings& found) {
    const std::string who = access == SpaceAccess::kReadOnly ? "read-only: " : "read-write: ";
    const std::string where = path + ", byte " + std::to_string(offset);
    const auto fail = [&](const std::string& what) { failures_.add(who + what, where); };
    if (!found.wrong.empty()) fail(without_numbers(found.wrong));
    if (!found.opened) {
      // A damaged version field may stop the opening, with its name, and nothing else.
      if (!(wal_of(path) && offset >= 8 && offset < 12)) fail("does not open");
      return;
    }
    const Place* hit = place_at(path, offset);
    for (const std::size_t i : found.unreadable) {
      if (hit == nullptr || hit->pointer != space_.atoms[i].pointer) {
        fail("an atom elsewhere is not readable");
      }
    }
    if (!found.root_right && (hit == nullptr || hit->kind != RecordKind::kCommit)) {
      fail("the root is not readable though no commit is hit");
    }
    if (!wal_of(path)) return;
    // Opening for writing may write the header's hints anew; records stay as they are.
    if (hit == nullptr && access == SpaceAccess::kReadWrite) return;
    if (found.report.bad_places == 0) return fail("verify does not report it");
    if (hit != nullptr && !names(found.report, hit->pointer))
      fail("verify does not name the place");
  }

  static bool names(const VerifyReport& report, const AtomPointer& pointer) {
    return std::any_of(report.bad.begin(), report.bad.end(),
                       [&](const auto& bad) { return bad.pointer == pointer; });
  }

  const bool large_;
  const Space space_;
  std::uint64_t flips_ = 0;
  std::uint64_t in_wals_ = 0;
  Failures failures_;
};

TEST(Corruption, EveryBitFlippedInASmallSpace) { Flips(/*large=*/false).run(); }
TEST(Corruption, EveryBitFlippedInASpaceWithASealedWAL) { Flips(/*large=*/true).run(); }

/// Damages a copy of the space, looks at it in both ways, and pushes to it if it lets us: no
/// pointer may be handed out twice.
class Damage {
 public:
  Damage(Failures& failures, const Space& space) : failures_(failures), space_(space) {}

  /// `root_is_gone`: no witness of the newest root is left, so an older one may be taken for it.
  void look(const std::string& what, const std::shared_ptr<MemoryFileSystem>& damaged,
            bool verify_must_tell, bool root_is_gone = false) {
    ++looks_;
    for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
      const auto files = damaged->clone();
      const Findings found = examine(space_, files, access, !root_is_gone);
      const std::string who = access == SpaceAccess::kReadOnly ? "read-only: " : "read-write: ";
      if (!found.wrong.empty()) failures_.add(who + without_numbers(found.wrong), what);
      if (verify_must_tell && found.opened && found.report.bad_places == 0) {
        failures_.add(who + "verify does not report it", what);
      }
    }
    push_more(what, damaged->clone());
  }

  std::uint64_t looks() const { return looks_; }

 private:
  void push_more(const std::string& what, const std::shared_ptr<MemoryFileSystem>& files) {
    try {
      const auto storage = open_storage(files, kSeed + 60);
      const AtomPointer pointer = storage->push_bytes(as_bytes("another"));
      for (const Stored& atom : space_.atoms) {
        if (atom.pointer == pointer) failures_.add("a pointer is handed out twice", what);
      }
      storage->flush_wal();
      for (const Stored& atom : space_.atoms) check_not_wrong(*storage, atom, what);
      storage->close();
    } catch (const ProtoBaseError&) {
      // Refusing is right, too.
    }
  }

  void check_not_wrong(SharedStorage& storage, const Stored& atom, const std::string& what) {
    try {
      if (storage.get_bytes(atom.pointer).as_text() == atom.payload) return;
      failures_.add("wrong bytes after a push to a damaged space", what);
    } catch (const ProtoBaseError&) {
      // An error is no wrong answer.
    }
  }

  Failures& failures_;
  const Space& space_;
  std::uint64_t looks_ = 0;
};

TEST(Corruption, EveryTruncation) {
  const Space space = make_space(false);
  Failures failures;
  Damage damage(failures, space);
  for (const std::string& path : space.paths()) {
    const auto bytes = space.files->content(path);
    for (std::uint64_t size = 0; size < bytes.size(); size += kBitStep) {
      const auto files = space.files->clone();
      files->set_content(path, {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
      damage.look(path + " cut to " + std::to_string(size), files, wal_of(path).has_value());
    }
  }
  std::cout << "truncations: " << damage.looks() << "\n";
  failures.tell();
  EXPECT_GT(damage.looks(), 50u);
}

TEST(Corruption, FilesMissingSwappedOrEmptied) {
  const Space space = make_space(true);
  Failures failures;
  Damage damage(failures, space);
  const auto paths = space.paths();
  for (const std::string& path : paths) {
    auto files = space.files->clone();
    files->remove(path);
    damage.look(path + " removed", files, false);
    files = space.files->clone();
    auto bytes = files->content(path);
    files->set_content(path, std::vector<std::byte>(bytes.size()));
    damage.look(path + " zeroed", files, wal_of(path).has_value());
    for (const std::string& other : paths) {
      if (other == path) continue;
      files = space.files->clone();
      files->set_content(path, space.files->content(other));
      files->set_content(other, space.files->content(path));
      const bool both_wals = wal_of(path) && wal_of(other);
      damage.look(path + " swapped with " + other, files, wal_of(path) || wal_of(other),
                  !both_wals);
    }
  }
  failures.tell();
  EXPECT_GT(damage.looks(), 10u);
}

TEST(Corruption, AWALReplacedByAnOlderCopy) {
  const Space now = make_space(false);
  Space later = now;
  later.files = now.files->clone();
  {
    const auto storage = open_storage(later.files, kSeed + 70);
    push(*storage, later, 40);
    const AtomPointer root = push(*storage, later, 41);
    storage->set_current_root(root);
    later.roots.insert(later.roots.begin(), root);
    storage->close();
  }
  Failures failures;
  Damage damage(failures, later);
  for (const std::string& path : now.paths()) {
    const auto files = later.files->clone();
    files->set_content(path, now.files->content(path));
    const bool changed = now.files->content(path) != later.files->content(path);
    damage.look(path + " replaced by an older copy", files, changed && wal_of(path).has_value());
  }
  failures.tell();
}

TEST(Corruption, ABlockMisplacedWithinAWAL) {
  const Space space = make_space(true);
  Failures failures;
  Damage damage(failures, space);
  for (const Place& from : space.places) {
    for (const Place& to : space.places) {
      if (from.pointer == to.pointer) continue;
      const std::string source = kSpace + "/" + from.pointer.transaction_id.to_string() + ".wal";
      const std::string target = kSpace + "/" + to.pointer.transaction_id.to_string() + ".wal";
      const auto bytes = space.files->content(source);
      auto damaged = space.files->content(target);
      const std::uint64_t size =
          std::min({from.end - from.pointer.offset, to.end - to.pointer.offset});
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(from.pointer.offset), size,
                  damaged.begin() + static_cast<std::ptrdiff_t>(to.pointer.offset));
      const auto files = space.files->clone();
      files->set_content(target, damaged);
      damage.look("the record at " + from.pointer.to_string() + " put to " + to.pointer.to_string(),
                  files, true);
    }
  }
  failures.tell();
  EXPECT_GT(damage.looks(), 10u);
}

}  // namespace
}  // namespace protobase::crash
