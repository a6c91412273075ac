// Blocks and files that are whole but in the wrong place: what a disk leaves that loses a write,
// puts it elsewhere, or gives back another file's block, and what a hand leaves that copies files
// about. Every checksum in them is right where they come from.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"
#include "test/crash/damaged_space.h"

namespace protobase::crash {
namespace {

using ::protobase::testing::MemoryFileSystem;
using Bytes = std::vector<std::byte>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kStep = 11;  // every so many blocks: a sanitized build is slow
#else
constexpr std::size_t kStep = 1;
#endif
constexpr std::size_t kBlockSizes[] = {512, 4096};

/// Two WALs of several blocks, and the files as they were after each step.
struct History {
  Space space;
  std::vector<std::shared_ptr<MemoryFileSystem>> moments;
};

History make_history() {
  History history;
  Space& space = history.space;
  const auto note = [&] { history.moments.push_back(space.files->clone()); };
  for (std::uint64_t round = 0; round < 3; ++round) {
    const auto first = open_storage(space.files, kDamageSeed);
    const auto second = open_storage(space.files, kDamageSeed + 1);
    for (const auto& storage : {std::cref(first), std::cref(second)}) {
      push(*storage.get(), space, 700);
      storage.get()->flush_wal();
      note();
      push(*storage.get(), space, 40);
      push(*storage.get(), space, 1300 + 100 * round);
      storage.get()->set_current_root(push(*storage.get(), space, 90));
      note();
    }
    first->close();
    note();
    second->close();
    note();
  }
  space.take_stock();
  return history;
}

std::vector<std::string> wal_paths(const Space& space) {
  auto paths = space.paths();
  std::erase_if(paths, [](const std::string& path) { return !wal_of(path); });
  return paths;
}

/// `target` with the bytes [from, from + size) of `source` at `to`, as far as both reach.
Bytes with_block(Bytes target, std::size_t to, const Bytes& source, std::size_t from,
                 std::size_t size) {
  if (to >= target.size() || from >= source.size()) return target;
  size = std::min({size, target.size() - to, source.size() - from});
  std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(from), size,
              target.begin() + static_cast<std::ptrdiff_t>(to));
  return target;
}

std::string text(std::size_t size, std::size_t at, const std::string& path) {
  return "block of " + std::to_string(size) + " at " + std::to_string(at) + " of " + path;
}

TEST(MisplacedBlocks, AStaleBlockOfTheSameFile) {
  const History history = make_history();
  Failures failures;
  Damage damage(failures, history.space);
  for (const std::string& path : wal_paths(history.space)) {
    const Bytes now = history.space.files->content(path);
    for (std::size_t moment = 0; moment < history.moments.size(); ++moment) {
      const auto& then = history.moments[moment];
      if (!then->kind_of(path)) continue;
      Bytes stale = then->content(path);
      stale.resize(std::max(stale.size(), now.size()));  // a lost write into a new block: zeros
      for (const std::size_t size : kBlockSizes) {
        for (std::size_t at = 0; at < now.size(); at += size * kStep) {
          damage.look_at_change(text(size, at, path) + " as after step " + std::to_string(moment),
                                path, with_block(now, at, stale, at, size));
        }
      }
    }
  }
  std::cout << "stale blocks: " << damage.looks() << "\n";
  failures.tell();
  EXPECT_GT(damage.looks(), 100u / kStep);
}

TEST(MisplacedBlocks, ABlockOfAnotherWALAtTheSameOffset) {
  const Space space = make_history().space;
  Failures failures;
  Damage damage(failures, space);
  const auto paths = wal_paths(space);
  for (const std::string& path : paths) {
    const Bytes now = space.files->content(path);
    for (const std::string& other : paths) {
      const Bytes foreign = space.files->content(other);
      for (const std::size_t size : kBlockSizes) {
        for (std::size_t at = 0; other != path && at < now.size(); at += size) {
          damage.look_at_change(text(size, at, path) + " is that of " + other, path,
                                with_block(now, at, foreign, at, size));
        }
      }
    }
  }
  std::cout << "foreign blocks: " << damage.looks() << "\n";
  failures.tell();
  EXPECT_GT(damage.looks(), 30u);
}

TEST(MisplacedBlocks, ABlockFromAnotherOffset) {
  const Space space = make_history().space;
  Failures failures;
  Damage damage(failures, space);
  for (const std::string& path : wal_paths(space)) {
    const Bytes now = space.files->content(path);
    for (const std::size_t size : kBlockSizes) {
      for (std::size_t to = 0; to < now.size(); to += size) {
        for (std::size_t from = 0; from < now.size(); from += size * kStep) {
          damage.look_at_change(text(size, to, path) + " is that at " + std::to_string(from), path,
                                with_block(now, to, now, from, size));
        }
      }
    }
  }
  std::cout << "misdirected blocks: " << damage.looks() << "\n";
  failures.tell();
  EXPECT_GT(damage.looks(), 300u / kStep);
}

TEST(MisplacedBlocks, ABlockBehindTheEndOfTheLog) {
  const Space space = make_history().space;
  Failures failures;
  Damage damage(failures, space);
  const auto paths = wal_paths(space);
  for (const std::string& path : paths) {
    for (const std::string& other : paths) {
      const Bytes source = space.files->content(other);
      for (std::size_t from = 0; from < source.size(); from += 512) {
        const auto files = space.files->clone();
        Bytes longer = files->content(path);
        const auto end =
            source.begin() + static_cast<std::ptrdiff_t>(std::min(from + 512, source.size()));
        longer.insert(longer.end(), source.begin() + static_cast<std::ptrdiff_t>(from), end);
        files->set_content(path, longer);
        damage.look(
            path + " has behind its end what is at " + std::to_string(from) + " of " + other, files,
            /*verify_must_tell=*/false);
        const Findings found = examine(space, files->clone(), SpaceAccess::kReadWrite);
        if (!found.unreadable.empty() || !found.root_right) {
          failures.add("something before the end is lost", path);
        }
      }
    }
  }
  failures.tell();
  EXPECT_GT(damage.looks(), 30u);
}

/// A copy of the space with one more file, which must be told of as `complaint` says.
void look_at_extra_file(const Space& space, const std::string& name, const Bytes& content,
                        const std::string& complaint) {
  const UUID id = wal_of(name).value();
  for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
    const auto files = space.files->clone();
    files->open(kSpace + "/" + name, os::OpenMode::kCreate);
    files->set_content(kSpace + "/" + name, content);
    const Findings found = examine(space, files, access);
    EXPECT_EQ(found.wrong, "") << name;
    ASSERT_TRUE(found.opened) << name;
    EXPECT_TRUE(found.root_right) << name;
    EXPECT_TRUE(found.unreadable.empty()) << name;
    for (const Stored& atom : space.atoms) EXPECT_TRUE(found.listed.contains(atom.pointer));
    const auto told =
        std::find_if(found.report.bad.begin(), found.report.bad.end(), [&](const auto& bad) {
          return bad.pointer.transaction_id == id &&
                 bad.reason.find(complaint) != std::string::npos;
        });
    EXPECT_NE(told, found.report.bad.end()) << "verify does not say \"" << complaint << "\"";
    for (const auto& bad : found.report.bad) EXPECT_EQ(bad.pointer.transaction_id, id);

    const auto storage = open_storage(files, kDamageSeed + 80, access);
    for (const Place& place : space.places) {
      EXPECT_THROW(storage->get_bytes({id, place.pointer.offset}), ProtoBaseError);
    }
  }
}

TEST(MisplacedBlocks, ACopyOfAWALUnderAnotherName) {
  const Space space = make_space(/*large=*/true);
  for (const std::string& path : wal_paths(space)) {
    look_at_extra_file(space, "0b5ec7ed-1234-4abc-8def-0123456789ab.wal",
                       space.files->content(path), "another WAL");
  }
}

TEST(MisplacedBlocks, AnExtraFileThatIsNoWAL) {
  const Space space = make_space(/*large=*/false);
  const std::string name = "0b5ec7ed-1234-4abc-8def-0123456789ab.wal";
  look_at_extra_file(space, name, Bytes(10'000, std::byte{'x'}), "magic");
  look_at_extra_file(space, name, space.files->content(kSpace + "/protobase.root"), "magic");
}

TEST(MisplacedBlocks, AnEmptyExtraFileIsAWALThatWasNeverBegun) {
  const Space space = make_space(/*large=*/false);
  for (const std::size_t size : {0, 40, 4096}) {
    const auto files = space.files->clone();
    const std::string path = kSpace + "/0b5ec7ed-1234-4abc-8def-0123456789ab.wal";
    files->open(path, os::OpenMode::kCreate);
    files->set_content(path, Bytes(size));
    for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
      const Findings found = examine(space, files->clone(), access);
      EXPECT_EQ(found.wrong, "");
      EXPECT_TRUE(found.root_right);
      EXPECT_TRUE(found.unreadable.empty());
      EXPECT_EQ(found.report.bad_places, 0u);
    }
  }
}

// Nothing in a WAL says which space it belongs to, so one with more commits brings its own root.
// What stays true: every pointer gives what was pushed there, or an error.
TEST(MisplacedBlocks, AWALOfAnotherSpaceChangesNoAtom) {
  const Space space = make_space(/*large=*/false);
  for (const int commits : {1, 20}) {
    Space other;
    const auto storage = open_storage(other.files, kDamageSeed + 90);
    for (int i = 0; i < commits; ++i) storage->set_current_root(push(*storage, other, 60));
    storage->close();
    other.take_stock();
    const std::string path = wal_paths(other).front();
    const auto files = space.files->clone();
    files->open(path, os::OpenMode::kCreate);
    files->set_content(path, other.files->content(path));
    for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
      const bool brings_root = commits > 10;
      for (const Space* one : {&space, static_cast<const Space*>(&other)}) {
        const Findings found = examine(*one, files->clone(), access, /*judge_root=*/false);
        EXPECT_EQ(found.wrong, "");
        EXPECT_TRUE(found.unreadable.empty());
        EXPECT_TRUE(found.root_right || brings_root || one == &other);
      }
    }
  }
}

}  // namespace
}  // namespace protobase::crash
