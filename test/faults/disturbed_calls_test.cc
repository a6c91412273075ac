// A store on the machine's own files whose system calls are interrupted, transfer less than asked
// for, or fail. What is promised: interruptions and short transfers are not noticed; a failed read
// is an error and never other bytes or a shorter log; a full disk costs nothing but the call; after
// a failed sync or write nothing more is acknowledged through that log.
#include "test/faults/disturbed_calls.h"

#include <cerrno>
#include <cstring>
#include <random>

#include "test/faults/faults_fixture.h"
#include "testing/expect_error.h"

namespace protobase::faults {
namespace {

using testing::expect_error;

constexpr std::size_t kLarge = 300'000;  // fallocate instead of zeros

class DisturbedCallsTest : public SpaceTest {
 protected:
  static StorageOptions small_wals() {
    StorageOptions options = without_caches();
    options.wal_max_size = 64 * 1024;
    return options;
  }

  /// Small and large writes, a roll-over, closing, opening, reading everything. The newest root.
  AtomPointer use_everything(Pushed& pushed) {
    AtomPointer root;
    {
      StandaloneFileStorage storage(space(), small_wals());
      commit(storage, pushed, 0);
      push(storage, pushed, kLarge);
      storage.flush_wal();
      for (int i = 0; i < 5; ++i) commit(storage, pushed, 3000);
      storage.close();
    }
    StandaloneFileStorage storage(space(), small_wals());
    EXPECT_EQ(find_wrong(storage, pushed), "");
    root = commit(storage, pushed);
    EXPECT_EQ(storage.verify({}).bad_places, 0u);
    return root;
  }

  /// A copy of a space whose writer died: its WAL is not closed, opening recovers it.
  AtomPointer make_killed_space(Pushed& pushed, const std::string& where) {
    if (killed_.empty()) {
      StandaloneFileStorage storage(directory_.at("living"), without_caches());
      for (int i = 0; i < 5; ++i) killed_root_ = commit(storage, killed_, 2000);
      testing::copy_directory(directory_.at("living"), directory_.at("model"));
    }
    testing::copy_directory(directory_.at("model"), where);
    pushed = killed_;
    return killed_root_;
  }

 private:
  Pushed killed_;
  AtomPointer killed_root_;
};

TEST_F(DisturbedCallsTest, EveryCallThatASignalMayInterruptIsMadeAgain) {
  std::array<std::uint64_t, kFileCalls> interrupted{};
  bool again = false;
  Pushed pushed;
  AtomPointer root;
  {
    const DisturbedCalls signals([&](FileCall call, std::size_t) -> Answer {
      const bool may = call == FileCall::kOpen || call == FileCall::kRead ||
                       call == FileCall::kWrite || call == FileCall::kAllocate ||
                       call == FileCall::kTruncate || call == FileCall::kLock;
      again = may && !again;
      if (!again) return {};
      ++interrupted[static_cast<std::size_t>(call)];
      return {EINTR};
    });
    root = use_everything(pushed);
  }
  for (const FileCall call : {FileCall::kOpen, FileCall::kRead, FileCall::kWrite,
                              FileCall::kAllocate, FileCall::kTruncate, FileCall::kLock}) {
    EXPECT_GT(interrupted[static_cast<std::size_t>(call)], 0u) << to_text(call);
  }
  expect_intact(pushed, root);
}

TEST_F(DisturbedCallsTest, ShortTransfersAreGoneOnWith) {
  constexpr std::uint64_t kSeed = 20;
  std::mt19937_64 dice(kSeed);
  for (const std::size_t at_most : {1, 7, 4095, 0}) {  // 0: another one for each call
    std::uint64_t short_reads = 0;
    std::uint64_t short_writes = 0;
    Pushed pushed;
    AtomPointer root;
    {
      const DisturbedCalls transfers([&](FileCall call, std::size_t bytes) -> Answer {
        const std::size_t part = at_most != 0 ? at_most : 1 + dice() % 10'000;
        if (bytes > part) ++(call == FileCall::kRead ? short_reads : short_writes);
        return {0, part};
      });
      root = use_everything(pushed);
    }
    EXPECT_GT(short_reads, 10u) << "at most " << at_most << ", seed " << kSeed;
    EXPECT_GT(short_writes, 10u) << "at most " << at_most << ", seed " << kSeed;
    expect_intact(pushed, root);
    std::filesystem::remove_all(space());
  }
}

TEST_F(DisturbedCallsTest, ASyncThatFailsOnceStopsTheLogForGood) {
  for (const int error : {EIO, EINTR}) {  // an interrupted fdatasync is a failed one
    Pushed acknowledged;
    std::uint64_t hits = 0;
    StandaloneFileStorage storage(space(), without_caches());
    const auto root = commit(storage, acknowledged);
    const auto next = storage.push_bytes(as_bytes("in doubt"));
    {
      const DisturbedCalls once([&](FileCall call, std::size_t) -> Answer {
        return call == FileCall::kSyncData && hits++ == 0 ? Answer{error} : Answer{};
      });
      EXPECT_THROW(storage.set_current_root(next), OutcomeUnknownError);
      // The next fdatasync would succeed. It is not asked.
      expect_error<UnexpectedError>([&] { storage.push_bytes(as_bytes("more")); },
                                    {"no more writes", std::strerror(error)});
      EXPECT_THROW(storage.flush_wal(), UnexpectedError);
      EXPECT_THROW(storage.close(), UnexpectedError);
    }
    EXPECT_EQ(hits, 1u);
    StandaloneFileStorage after(space(), without_caches());
    EXPECT_EQ(find_wrong(after, acknowledged), "");
    EXPECT_TRUE(after.read_current_root() == root || after.read_current_root() == next);
    Pushed more;
    commit(after, more);
    EXPECT_EQ(after.verify({}).bad_places, 0u);
    after.close();
    std::filesystem::remove_all(space());
  }
}

TEST_F(DisturbedCallsTest, AFullDiskQuotaOrLimitCostsNothingButTheCall) {
  for (const int error : {ENOSPC, EDQUOT, EFBIG}) {
    for (const FileCall where : {FileCall::kWrite, FileCall::kAllocate}) {
      Pushed pushed;
      std::uint64_t hits = 0;
      StandaloneFileStorage storage(space(), without_caches());
      const auto root = commit(storage, pushed);
      const auto next = push(storage, pushed, where == FileCall::kAllocate ? kLarge : 100'000);
      {
        const DisturbedCalls full([&](FileCall call, std::size_t) -> Answer {
          return call == where ? (++hits, Answer{error}) : Answer{};
        });
        EXPECT_THROW(storage.flush_wal(), NoSpaceError);
        expect_error<NoSpaceError>([&] { storage.set_current_root(next); }, {std::strerror(error)});
        EXPECT_EQ(storage.read_current_root(), root);
        EXPECT_EQ(find_wrong(storage, pushed), "");
      }
      EXPECT_GE(hits, 2u) << to_text(where);
      storage.set_current_root(next);
      storage.close();
      expect_intact(pushed, next);
      std::filesystem::remove_all(space());
    }
  }
}

TEST_F(DisturbedCallsTest, AReadThatFailsIsAnErrorAndNothingIsKeptOfIt) {
  Pushed pushed;
  {
    StandaloneFileStorage storage(space());
    for (int i = 0; i < 20; ++i) commit(storage, pushed, 700);
  }
  StandaloneFileStorage storage(space());  // with caches
  for (const auto& [pointer, text] : pushed) {
    for (const int error : {EIO, ENOMEM}) {
      std::uint64_t hits = 0;
      const DisturbedCalls bad([&](FileCall call, std::size_t) -> Answer {
        return call == FileCall::kRead ? (++hits, Answer{error}) : Answer{};
      });
      const auto get = [&] { storage.get_bytes(pointer); };
      if (error == EIO) {
        expect_error<os::ReadError>(get, {"pread", std::strerror(error)});
      } else {
        expect_error<UnexpectedError>(get, {"pread", std::strerror(error)});
      }
      EXPECT_GT(hits, 0u);
    }
    EXPECT_EQ(storage.get_bytes(pointer).as_text(), text);
  }
}

TEST_F(DisturbedCallsTest, AReadThatFailsDuringRecoveryMakesNoShorterLog) {
  for (const bool for_good : {false, true}) {
    for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
      std::uint64_t refused = 0;
      std::uint64_t n = 1;
      for (; true; ++n) {
        Pushed pushed;
        const std::string where = directory_.at("killed");
        const auto root = make_killed_space(pushed, where);
        std::uint64_t reads = 0;
        {
          const DisturbedCalls bad([&](FileCall call, std::size_t) -> Answer {
            if (call != FileCall::kRead) return {};
            return ++reads == n || (for_good && reads > n) ? Answer{EIO} : Answer{};
          });
          try {
            StandaloneFileStorage storage(where, without_caches(), access);
            EXPECT_EQ(storage.read_current_root(), root) << "read " << n;
          } catch (const UnexpectedError& error) {
            EXPECT_NE(std::string(error.what()).find("pread"), std::string::npos) << error.what();
            ++refused;
          }
        }
        expect_intact(pushed, root, where);
        std::filesystem::remove_all(where);
        if (reads < n) break;
      }
      EXPECT_GT(n, 5u) << "reads of opening were hit";
      if (for_good) {
        EXPECT_GT(refused, 3u);  // what only one read did not give is got from elsewhere
      }
    }
  }
}

TEST_F(DisturbedCallsTest, NoCallThatFailsOnceLosesWhatWasAcknowledged) {
  std::uint64_t runs = 0;
  std::uint64_t errors = 0;
  for (const int error : {EIO, ENOSPC, EMFILE}) {
    for (std::uint64_t n = 1; true; ++n) {
      Pushed pushed;
      const std::string where = directory_.at("killed");
      std::optional<AtomPointer> root = make_killed_space(pushed, where);
      std::optional<AtomPointer> in_doubt;
      std::uint64_t calls = 0;
      {
        const DisturbedCalls bad([&](FileCall, std::size_t) -> Answer {
          return ++calls == n ? Answer{error} : Answer{};
        });
        try {
          StandaloneFileStorage storage(where, small_wals());
          for (const std::size_t size : {std::size_t{10}, kLarge, std::size_t{10}}) {
            Pushed one;
            const auto next = storage.push_bytes(as_bytes(payload(pushed.size(), size)));
            in_doubt = next;
            storage.set_current_root(next);
            root = next;
            pushed.emplace(next, payload(pushed.size(), size));
          }
          storage.close();
        } catch (const OutcomeUnknownError&) {
          ++errors;
        } catch (const UnexpectedError&) {
          in_doubt = root;  // every other error says that it did not happen
          ++errors;
        }
      }
      ++runs;
      StandaloneFileStorage after(where, without_caches());
      EXPECT_EQ(find_wrong(after, pushed), "") << std::strerror(error) << " at call " << n;
      const auto found = after.read_current_root();
      EXPECT_TRUE(found == root || found == in_doubt) << std::strerror(error) << " at call " << n;
      Pushed more;
      commit(after, more);
      EXPECT_EQ(after.verify({}).bad_places, 0u) << std::strerror(error) << " at call " << n;
      after.close();
      std::filesystem::remove_all(where);
      if (calls < n) break;
    }
  }
  std::cout << runs << " runs, " << errors << " of them answered with an error\n";
  EXPECT_GT(errors, 30u);
}

}  // namespace
}  // namespace protobase::faults
