#include "test/crash/damaged_space.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"

namespace protobase::crash {
namespace {

using ::protobase::testing::MemoryFileSystem;

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

std::string without_numbers(const std::string& text) {
  std::string kind;
  for (const char c : text) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0 && c != '-') kind += c;
  }
  return kind;
}

const char* to_text(SpaceAccess access) {
  return access == SpaceAccess::kReadOnly ? "read-only: " : "read-write: ";
}

}  // namespace

std::vector<std::string> Space::paths() const {
  std::vector<std::string> found;
  for (const auto& entry : files->list(kSpace)) found.push_back(kSpace + "/" + entry.name);
  return found;
}

const Place* Space::place_at(const std::string& path, std::uint64_t offset) const {
  const auto id = wal_of(path);
  if (!id) return nullptr;
  for (const Place& place : places) {
    if (place.pointer.transaction_id == *id && offset >= place.pointer.offset &&
        offset < place.end) {
      return &place;
    }
  }
  return nullptr;
}

std::uint64_t Space::log_end(const std::string& path) const {
  std::uint64_t end = kWALFirstRecordOffset;
  for (const Place& place : places) {
    if (place.pointer.transaction_id == wal_of(path)) end = std::max(end, place.end);
  }
  return end;
}

void Space::take_stock() {
  const auto reader = open_storage(files, 0, SpaceAccess::kReadOnly);
  for (const auto& version : reader->root_history(100)) roots.push_back(version.root);
  for (const auto& wal : reader->list_wals()) {
    reader->scan_wal(wal.transaction_id, [&](const RecordInfo& info) {
      places.push_back({info.pointer, info.pointer.offset + info.stored_size, info.kind});
      return true;
    });
  }
}

AtomPointer push(SharedStorage& storage, Space& space, std::size_t size) {
  std::string payload = "atom " + std::to_string(space.atoms.size()) + " ";
  payload.resize(size, static_cast<char>('a' + space.atoms.size() % 26));
  const AtomPointer pointer = storage.push_bytes(as_bytes(payload));
  space.atoms.push_back({pointer, payload});
  return pointer;
}

Space make_space(bool large) {
  Space space;
  const auto first = open_storage(space.files, kDamageSeed);
  const auto second = open_storage(space.files, kDamageSeed + 1);
  first->set_current_root(push(*first, space, 30));
  second->set_current_root(push(*second, space, 51));
  push(*second, space, 17);
  second->flush_wal();
  if (large) push(*first, space, 64 * 1024);
  push(*first, space, 90);
  first->set_current_root(push(*first, space, 64));
  first->close();
  second->close();
  space.take_stock();
  return space;
}

Space make_unclosed_space(bool root_file_is_lost) {
  Space space;
  const auto first = open_storage(space.files, kDamageSeed);
  const auto second = open_storage(space.files, kDamageSeed + 1);
  push(*first, space, 90);
  first->set_current_root(push(*first, space, 30));
  second->set_current_root(push(*second, space, 51));
  push(*second, space, 17);
  second->set_current_root(push(*second, space, 64));
  space.files = space.files->clone();
  if (root_file_is_lost) space.files->remove(kSpace + "/protobase.root");
  space.take_stock();
  return space;
}

std::optional<UUID> wal_of(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.ends_with(".wal") ? UUID::parse(name.substr(0, 36)) : std::nullopt;
}

bool Findings::names(const AtomPointer& pointer) const {
  return std::any_of(report.bad.begin(), report.bad.end(),
                     [&](const auto& bad) { return bad.pointer == pointer; });
}

Findings examine(const Space& space, const std::shared_ptr<MemoryFileSystem>& files,
                 SpaceAccess access, bool judge_root) {
  Findings found;
  std::unique_ptr<SharedStorage> storage;
  found.opened =
      tolerate(found, "open", [&] { storage = open_storage(files, kDamageSeed + 50, access); });
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
  for (const auto& wal : storage->list_wals()) {
    tolerate(found, "scan_wal", [&] {
      storage->scan_wal(wal.transaction_id, [&](const RecordInfo& info) {
        if (info.kind == RecordKind::kData) found.listed.insert(info.pointer);
        return true;
      });
    });
  }
  return found;
}

void Failures::add(const std::string& kind, const std::string& where) {
  auto& [first, count] = failures_[without_numbers(kind)];
  if (count++ == 0) first = where;
}

void Failures::tell() const {
  for (const auto& [kind, failure] : failures_) {
    ADD_FAILURE() << kind << "\n  first: " << failure.first << "\n  (" << failure.second
                  << " like this)";
  }
}

void Damage::look(const std::string& what, const std::shared_ptr<MemoryFileSystem>& damaged,
                  bool verify_must_tell, bool root_is_gone) {
  ++looks_;
  for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
    const auto files = damaged->clone();
    const Findings found = examine(space_, files, access, !root_is_gone);
    const std::string who = to_text(access);
    if (!found.wrong.empty()) failures_.add(who + found.wrong, what);
    if (verify_must_tell && found.opened && found.report.bad_places == 0) {
      failures_.add(who + "verify does not report it", what);
    }
  }
  push_more(what, damaged->clone());
}

/// The first and the last byte that are others than before, and the records they touch.
struct Damage::Change {
  UUID wal;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  const Place* first_place = nullptr;  ///< the first record that is touched
  bool commit_is_hit = false;

  bool hits(const Place& place) const {
    return place.pointer.transaction_id == wal && place.pointer.offset <= last && first < place.end;
  }
};

void Damage::look_at_change(const std::string& what, const std::string& path,
                            const std::vector<std::byte>& bytes) {
  const auto before = space_.files->content(path);
  Change change{wal_of(path).value()};
  bool changed = false;
  for (std::uint64_t i = 0; i < before.size(); ++i) {
    if (bytes[i] == before[i]) continue;
    if (!std::exchange(changed, true)) change.first = i;
    change.last = i;
  }
  if (!changed) return;
  for (const Place& place : space_.places) {
    if (!change.hits(place)) continue;
    if (change.first_place == nullptr) change.first_place = &place;
    change.commit_is_hit |= place.kind == RecordKind::kCommit;
  }
  ++looks_;
  const auto damaged = space_.files->clone();
  damaged->set_content(path, bytes);
  for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
    judge_change(to_text(access), what, change, examine(space_, damaged->clone(), access));
  }
  push_more(what, damaged);
}

void Damage::judge_change(const std::string& who, const std::string& what, const Change& change,
                          const Findings& found) {
  const auto fail = [&](const std::string& kind) { failures_.add(who + kind, what); };
  if (!found.wrong.empty()) fail(found.wrong);
  if (!found.opened) return fail("does not open");
  for (std::size_t i = 0; i < space_.atoms.size(); ++i) {
    const AtomPointer& pointer = space_.atoms[i].pointer;
    const bool readable = !found.unreadable.contains(i);
    const bool is_hit = std::any_of(
        space_.places.begin(), space_.places.end(),
        [&](const Place& place) { return place.pointer == pointer && change.hits(place); });
    if (!readable && !is_hit) fail("an atom elsewhere is not readable");
    if (!is_hit && !found.listed.contains(pointer)) fail("an atom elsewhere is not listed");
  }
  if (!found.root_right && !change.commit_is_hit) fail("the root is lost, though no commit is hit");
  if (change.first_place != nullptr && !found.names(change.first_place->pointer)) {
    fail("verify does not name the place");
  }
}

void Damage::push_more(const std::string& what, const std::shared_ptr<MemoryFileSystem>& files) {
  try {
    const auto storage = open_storage(files, kDamageSeed + 60);
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

void Damage::check_not_wrong(SharedStorage& storage, const Stored& atom, const std::string& what) {
  try {
    if (storage.get_bytes(atom.pointer).as_text() == atom.payload) return;
    failures_.add("wrong bytes after a push to a damaged space", what);
  } catch (const ProtoBaseError&) {
    // An error is no wrong answer.
  }
}

}  // namespace protobase::crash
