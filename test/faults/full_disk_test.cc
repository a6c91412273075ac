// A real file system that is full: a small tmpfs that a child process mounts for itself. Where the
// machine does not allow that, the tests are skipped and say so.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>

#include "test/faults/child_process.h"
#include "test/faults/faults_fixture.h"

namespace protobase::faults {
namespace {

constexpr const char* kSize = "size=1m";

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}
void require_right(SharedStorage& storage, const Pushed& pushed, const std::string& when) {
  const std::string wrong = find_wrong(storage, pushed);
  require(wrong.empty(), when + ": " + wrong);
}

std::uint64_t free_bytes(const std::string& path) {
  struct statvfs status {};
  require(::statvfs(path.c_str(), &status) == 0, "statvfs");
  return status.f_bavail * status.f_bsize;
}

/// Takes all the room there is.
void fill(const std::string& directory, const std::string& name) {
  const int fd = ::open((directory + "/" + name).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  const std::string block(4096, 'f');
  while (::write(fd, block.data(), block.size()) > 0) {
  }
  ::close(fd);
  require(free_bytes(directory) == 0, "the disk is not full");
}

class FullDiskTest : public SpaceTest {
 protected:
  std::string disk() const { return directory_.at("disk"); }
  std::string on_disk(const std::string& name) const { return disk() + "/" + name; }

  /// Runs `work` where disk() is a file system of 1 MiB.
  void run_on_small_disk(const std::function<void()>& work) {
    std::filesystem::create_directory(disk());
    ChildProcess child([&](Line& line) {
      const bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                           ::mount("tmpfs", disk().c_str(), "tmpfs", 0, kSize) == 0;
      line.say(mounted ? "mounted" : std::strerror(errno));
      if (mounted) work();
    });
    const std::string answer = child.line().hear();
    if (answer != "mounted") {
      GTEST_SKIP() << "NOT TESTED: a full disk. This machine lets us mount none: " << answer;
    }
    EXPECT_EQ(child.wait(), 0);
  }
};

TEST_F(FullDiskTest, CommitsFailUntilThereIsRoomAndNothingIsLost) {
  run_on_small_disk([&] {
    testing::write_file(on_disk("ballast"), std::string(400'000, 'b'));
    StandaloneFileStorage storage(on_disk("space"), without_caches());
    Pushed pushed;
    AtomPointer root = commit(storage, pushed);
    std::size_t committed = 0;
    int refused = 0;
    while (refused < 3) {
      const AtomPointer next = push(storage, pushed, 3000);
      try {
        storage.set_current_root(next);
        root = next;
        require(refused == 0, "a commit went through on a full disk");
        require(++committed < 1000, "the disk did not become full");
      } catch (const NoSpaceError& error) {
        ++refused;
      }
    }
    require(committed > 10, "the disk was full from the start");
    require(storage.read_current_root() == root, "another root than the acknowledged one");
    require_right(storage, pushed, "while the disk is full");
    {
      StandaloneFileStorage other(on_disk("space"), without_caches(), SpaceAccess::kReadOnly);
      require(other.read_current_root() == root, "another root for a reader");
    }
    std::filesystem::remove(on_disk("ballast"));
    root = commit(storage, pushed);
    storage.close();
    StandaloneFileStorage again(on_disk("space"), without_caches());
    require(again.read_current_root() == root, "another root after reopening");
    require_right(again, pushed, "after reopening");
    require(again.verify({}).bad_places == 0, "verify finds damage");
  });
}

TEST_F(FullDiskTest, RecoveryOnAFullDiskRefusesOrIsRight) {
  run_on_small_disk([&] {
    Pushed pushed;
    AtomPointer root;
    {
      StandaloneFileStorage storage(directory_.at("living"), without_caches());
      for (int i = 0; i < 50; ++i) root = commit(storage, pushed, 1000);
      testing::copy_directory(directory_.at("living"), on_disk("space"));
      storage.close();
    }
    for (const bool root_file_is_there : {true, false}) {
      if (!root_file_is_there) std::filesystem::remove(on_disk("space/protobase.root"));
      fill(disk(), "ballast");
      {
        StandaloneFileStorage reader(on_disk("space"), without_caches(), SpaceAccess::kReadOnly);
        require(reader.read_current_root() == root, "another root for a reader");
        require_right(reader, pushed, "for a reader");
      }
      try {
        StandaloneFileStorage writer(on_disk("space"), without_caches());
        require(writer.read_current_root() == root, "another root for a writer");
        require_right(writer, pushed, "for a writer");
        fill(disk(), "ballast2");  // recovery may have given room back
        Pushed large;
        push(writer, large, 500'000);
        try {
          writer.flush_wal();
          throw std::runtime_error("a flush went through on a full disk");
        } catch (const NoSpaceError&) {
          std::filesystem::remove(on_disk("ballast2"));
          std::filesystem::remove(on_disk("ballast"));
          root = commit(writer, pushed);
          pushed.insert(large.begin(), large.end());
        }
      } catch (const NoSpaceError&) {
        std::filesystem::remove(on_disk("ballast"));
      }
      StandaloneFileStorage again(on_disk("space"), without_caches());
      require(again.read_current_root() == root, "another root with room again");
      require_right(again, pushed, "with room again");
      require(again.verify({}).bad_places == 0, "verify finds damage");
    }
  });
}

TEST_F(FullDiskTest, ASpaceThatCannotBeMadeIsMadeWhenThereIsRoom) {
  run_on_small_disk([&] {
    fill(disk(), "ballast");
    StandaloneFileStorage storage(on_disk("space"), without_caches());
    Pushed pushed;
    const AtomPointer first = push(storage, pushed);
    for (int tries = 0; tries < 2; ++tries) {
      try {
        storage.set_current_root(first);
        throw std::runtime_error("a commit went through on a full disk");
      } catch (const NoSpaceError&) {
        continue;
      }
    }
    std::filesystem::remove(on_disk("ballast"));
    storage.set_current_root(first);
    storage.close();
    StandaloneFileStorage again(on_disk("space"), without_caches());
    require(again.read_current_root() == first, "another root");
    require_right(again, pushed, "after reopening");
    require(again.verify({}).bad_places == 0, "verify finds damage");
  });
}

}  // namespace
}  // namespace protobase::faults
