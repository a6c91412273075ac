// A small space is damaged in every way a disk or a hand can damage it: every bit flipped,
// every length cut off, files swapped, missing, or replaced by older copies. What is promised:
// right bytes or a clear error, never wrong bytes, never an older root; verify names every damaged
// place of a WAL.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "test/crash/damaged_space.h"

namespace protobase::crash {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kBitStep = 67;  // every so many bits: a sanitized build is slow
#else
constexpr std::uint64_t kBitStep = 1;
#endif
// Of a payload longer than this only every kLongStep-th bit is flipped.
constexpr std::uint64_t kLongPayload = 1024;
constexpr std::uint64_t kLongStep = 997;

class Flips {
 public:
  /// `zeros_step`: every so many bits of the zeros of a header, or behind a log, are flipped;
  /// `root_zeros_step`: of those of protobase.root.
  Flips(Space space, std::uint64_t zeros_step, std::uint64_t root_zeros_step)
      : space_(std::move(space)), zeros_step_(zeros_step), root_zeros_step_(root_zeros_step) {}

  void run() { run(space_.paths()); }
  void run(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      const auto bytes = space_.files->content(path);
      for (std::uint64_t bit = 0; bit < bytes.size() * 8; bit += step_at(path, bit)) {
        flip(path, bit);
      }
    }
    std::cout << "seed " << kDamageSeed << ": " << flips_ << " flips, of them " << in_wals_
              << " in WALs\n";
    failures_.tell();
    EXPECT_GT(in_wals_, 100u);
  }

 private:
  std::uint64_t step_at(const std::string& path, std::uint64_t bit) const {
    const std::uint64_t offset = bit / 8;
    const Place* place = space_.place_at(path, offset);
    const bool in_header = offset > 1100 && offset < kWALFirstRecordOffset;
    if (!wal_of(path) && offset > 600) return root_zeros_step_ * kBitStep;
    if (wal_of(path) && (in_header || offset > space_.log_end(path) + 64))
      return zeros_step_ * kBitStep;
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
    if (!found.wrong.empty()) fail(found.wrong);
    if (!found.opened) {
      // A damaged version field may stop the opening, with its name, and nothing else.
      if (!(wal_of(path) && offset >= 8 && offset < 12)) fail("does not open");
      return;
    }
    const Place* hit = space_.place_at(path, offset);
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
    if (offset >= space_.log_end(path)) {  // nothing was ever acknowledged there
      if (found.report.torn_tails.empty()) fail("verify does not report the torn tail");
      return;
    }
    if (found.report.bad_places == 0) return fail("verify does not report it");
    if (hit != nullptr && !found.names(hit->pointer)) fail("verify does not name the place");
  }

  const Space space_;
  const std::uint64_t zeros_step_;
  const std::uint64_t root_zeros_step_;
  std::uint64_t flips_ = 0;
  std::uint64_t in_wals_ = 0;
  Failures failures_;
};

// The zeros of headers are like those of the small space, where each bit is flipped.
constexpr std::uint64_t kFewZeros = 61;
constexpr std::uint64_t kVeryFewZeros = 4999;

TEST(Corruption, EveryBitFlippedInASmallSpace) { Flips(make_space(false), 1, 1).run(); }
TEST(Corruption, EveryBitFlippedInASpaceWithASealedWAL) {
  Flips(make_space(true), kFewZeros, 1).run();
}

TEST(Corruption, EveryBitFlippedInASpaceOfTwoKilledWriters) {
  Flips(make_unclosed_space(/*root_file_is_lost=*/false), kVeryFewZeros, kVeryFewZeros).run();
}
// Nothing tells that the newest batch was durable then, but the second's commits tell it of the
// first one's.
TEST(Corruption, EveryBitFlippedInTheFirstOfTwoKilledWritersWithoutARootFile) {
  const Space space = make_unclosed_space(/*root_file_is_lost=*/true);
  const std::string first = space.atoms.front().pointer.transaction_id.to_string();
  Flips(space, kVeryFewZeros, kVeryFewZeros).run({kSpace + "/" + first + ".wal"});
}

TEST(Corruption, TruncationsOfASpaceOfTwoKilledWriters) {
  const Space space = make_unclosed_space(false);
  Failures failures;
  Damage damage(failures, space);
  for (const std::string& path : space.paths()) {
    if (!wal_of(path)) continue;
    const auto bytes = space.files->content(path);
    for (std::uint64_t size = kWALFirstRecordOffset + 1; size < space.log_end(path); ++size) {
      const auto files = space.files->clone();
      files->set_content(path, {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
      damage.look(path + " cut to " + std::to_string(size), files, /*verify_must_tell=*/true);
    }
  }
  failures.tell();
  EXPECT_GT(damage.looks(), 500u);
}

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
    const auto storage = open_storage(later.files, kDamageSeed + 70);
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
