// The process runs out of descriptors, or its files may not grow, by the kernel's own limits. What
// is promised: an error that says so, reading goes on, nothing acknowledged is lost, and when there
// is room again the same storage works.
#include <sys/resource.h>

#include <csignal>
#include <vector>

#include "test/faults/faults_fixture.h"
#include "testing/expect_error.h"

namespace protobase::faults {
namespace {

using testing::expect_error;

/// The soft limit of the process while it lives.
class Limit final {
 public:
  Limit(__rlimit_resource resource, std::uint64_t value) : resource_(resource) {
    ::getrlimit(resource_, &before_);
    const rlimit now{std::min<rlim_t>(value, before_.rlim_max), before_.rlim_max};
    if (::setrlimit(resource_, &now) != 0) throw std::runtime_error("setrlimit refused");
  }
  ~Limit() { ::setrlimit(resource_, &before_); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  const __rlimit_resource resource_;
  rlimit before_{};
};

/// No further file can be opened while it lives, but for `spare` ones.
class NoDescriptors final {
 public:
  explicit NoDescriptors(int spare = 0) : limit_(RLIMIT_NOFILE, 256) {
    for (int fd = ::dup(1); fd >= 0; fd = ::dup(1)) taken_.push_back(fd);
    for (; spare > 0; --spare) {
      ::close(taken_.back());
      taken_.pop_back();
    }
  }
  ~NoDescriptors() {
    for (const int fd : taken_) ::close(fd);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  const Limit limit_;
  std::vector<int> taken_;
};

class LimitsTest : public SpaceTest {
 protected:
  static StorageOptions small_wals() {
    StorageOptions options = without_caches();
    options.wal_max_size = 64 * 1024;
    return options;
  }
};

TEST_F(LimitsTest, OpeningWithoutDescriptorsIsAnErrorAndNoMore) {
  Pushed pushed;
  AtomPointer root;
  {
    StandaloneFileStorage storage(space());
    root = commit(storage, pushed);
  }
  int refused = 0;
  for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
    for (int spare = 0; spare < 6; ++spare) {
      const NoDescriptors none(spare);
      try {
        StandaloneFileStorage storage(space(), without_caches(), access);
        EXPECT_EQ(storage.read_current_root(), root);
      } catch (const os::OutOfDescriptorsError& error) {
        EXPECT_NE(std::string(error.what()).find("Too many open files"), std::string::npos);
        ++refused;
      }
    }
  }
  EXPECT_GE(refused, 2);
  expect_intact(pushed, root);
}

TEST_F(LimitsTest, AWALThatCannotBeOpenedForReadingIsReadLater) {
  Pushed pushed;
  {
    StandaloneFileStorage storage(space(), small_wals());
    for (int i = 0; i < 200; ++i) push(storage, pushed, 1000);
    commit(storage, pushed);
  }
  StandaloneFileStorage storage(space(), without_caches());
  const AtomPointer known = pushed.begin()->first;
  const AtomPointer other = pushed.rbegin()->first;
  ASSERT_NE(known.transaction_id, other.transaction_id);
  storage.get_bytes(known);
  {
    const NoDescriptors none;
    expect_error<os::OutOfDescriptorsError>([&] { storage.get_bytes(other); },
                                            {"Too many open files"});
    EXPECT_EQ(storage.get_bytes(known).as_text(), pushed.at(known)) << "that file is open";
    expect_error<os::OutOfDescriptorsError>([&] { storage.list_wals(); }, {"Too many open files"});
  }
  EXPECT_EQ(find_wrong(storage, pushed), "");
}

TEST_F(LimitsTest, AWALThatCannotBeClaimedIsClaimedByTheNextPush) {
  Pushed pushed;
  StandaloneFileStorage storage(space(), small_wals());
  {
    StandaloneFileStorage other(space());
    commit(other, pushed);
  }
  EXPECT_TRUE(storage.read_current_root());
  {
    const NoDescriptors none;
    expect_error<os::OutOfDescriptorsError>([&] { storage.push_bytes(as_bytes("x")); },
                                            {"Too many open files"});
  }
  const auto root = commit(storage, pushed);
  storage.close();
  expect_intact(pushed, root);
}

TEST_F(LimitsTest, ARollOverWithoutDescriptorsIsMadeWhenThereAreSome) {
  for (int spare = 0; spare < 2; ++spare) {  // for the new file, then for syncing its directory
    SCOPED_TRACE(spare);
    const std::string place = space() + std::to_string(spare);
    Pushed pushed;
    StandaloneFileStorage storage(place, small_wals());
    commit(storage, pushed);
    EXPECT_EQ(storage.verify({}).bad_places, 0u);  // from here on the file is open for reading
    AtomPointer root;
    bool refused = false;
    {
      const NoDescriptors none(spare);
      for (int i = 0; i < 100 && !refused; ++i) {
        const AtomPointer next = push(storage, pushed, 2000);
        try {
          storage.set_current_root(next);
          root = next;
        } catch (const os::OutOfDescriptorsError& error) {
          EXPECT_NE(std::string(error.what()).find("Too many open files"), std::string::npos)
              << error.what();
          refused = true;
        }
      }
      push(storage, pushed);
      EXPECT_EQ(storage.read_current_root(), root);
      EXPECT_EQ(find_wrong(storage, pushed), "");
    }
    EXPECT_TRUE(refused);
    root = commit(storage, pushed);
    EXPECT_EQ(find_wrong(storage, pushed), "");
    storage.close();
    expect_intact(pushed, root, place);
  }
}

TEST_F(LimitsTest, ARollOverWithoutDescriptorsLosesNothingAcknowledged) {
  Pushed acknowledged;
  std::optional<AtomPointer> root;
  std::optional<AtomPointer> in_doubt;
  bool refused = false;
  {
    StandaloneFileStorage storage(space(), small_wals());
    root = commit(storage, acknowledged);
    EXPECT_EQ(storage.verify({}).bad_places, 0u);  // from here on the file is open for reading
    const NoDescriptors none;
    for (int i = 0; i < 100 && !refused; ++i) {
      Pushed next = acknowledged;
      try {
        in_doubt = push(storage, next, 2000);
        storage.set_current_root(*in_doubt);
        root = in_doubt;
        acknowledged = next;
      } catch (const ProtoBaseError& error) {
        EXPECT_NE(std::string(error.what()).find("Too many open files"), std::string::npos)
            << error.what();
        refused = true;
      }
    }
    EXPECT_EQ(find_wrong(storage, acknowledged), "");
  }
  EXPECT_TRUE(refused);
  EXPECT_GT(acknowledged.size(), 10u) << "commits into the WAL that was open";
  StandaloneFileStorage after(space(), without_caches());
  EXPECT_EQ(find_wrong(after, acknowledged), "");
  const auto found = after.read_current_root();
  EXPECT_TRUE(found == root || found == in_doubt);
  commit(after, acknowledged);
  EXPECT_EQ(after.verify({}).bad_places, 0u);
}

class FileSizeLimitTest : public LimitsTest {
 protected:
  void SetUp() override { before_ = std::signal(SIGXFSZ, SIG_IGN); }  // else it ends the process
  void TearDown() override { std::signal(SIGXFSZ, before_); }

 private:
  void (*before_)(int) = SIG_DFL;
};

TEST_F(FileSizeLimitTest, AFileThatMayNotGrowIsNoSpaceUntilItMay) {
  Pushed pushed;
  StandaloneFileStorage storage(space(), without_caches());
  AtomPointer root = commit(storage, pushed);
  int refused = 0;
  {
    const Limit limit(RLIMIT_FSIZE, 200'001);
    while (refused < 3) {
      const AtomPointer next = push(storage, pushed, 1000);
      try {
        storage.set_current_root(next);
        root = next;
      } catch (const NoSpaceError& error) {
        EXPECT_NE(std::string(error.what()).find("File too large"), std::string::npos);
        ++refused;
      }
      ASSERT_LT(pushed.size(), 500u) << "the limit was not hit";
    }
    push(storage, pushed, 400'000);  // another way to make room
    EXPECT_THROW(storage.flush_wal(), NoSpaceError);
    EXPECT_EQ(storage.read_current_root(), root);
    EXPECT_EQ(find_wrong(storage, pushed), "");
  }
  EXPECT_GT(pushed.size(), 50u) << "commits below the limit";
  root = commit(storage, pushed);
  storage.close();
  expect_intact(pushed, root);
}

TEST_F(FileSizeLimitTest, RecoveryWithinALimitRefusesOrIsRight) {
  Pushed pushed;
  StandaloneFileStorage storage(space(), without_caches());
  AtomPointer root;
  for (int i = 0; i < 50; ++i) root = commit(storage, pushed, 2000);
  int refused = 0;
  for (const std::uint64_t limit : {0, 100, 1000, 4096, 5000, 50'000, 100'000}) {
    const std::string crashed = directory_.at("crash" + std::to_string(limit));
    testing::copy_directory(space(), crashed);
    {
      const Limit size(RLIMIT_FSIZE, limit);
      StandaloneFileStorage reader(crashed, without_caches(), SpaceAccess::kReadOnly);
      EXPECT_EQ(reader.read_current_root(), root);
      EXPECT_EQ(find_wrong(reader, pushed), "");
      try {
        StandaloneFileStorage writer(crashed, without_caches());
        EXPECT_EQ(writer.read_current_root(), root);
      } catch (const NoSpaceError&) {
        ++refused;
      }
    }
    expect_intact(pushed, root, crashed);
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace protobase::faults
