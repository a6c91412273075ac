// Many gets in one call give what single gets give, values and errors, however their reads reach
// the medium: in flight together, one by one, or half and half.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "os/file_system.h"
#include "protobase/errors.h"
#include "protobase/file_block_provider.h"
#include "protobase/standalone_file_storage.h"
#include "testing/expect_error.h"
#include "testing/fault_file_system.h"
#include "testing/forwarding_block_provider.h"
#include "testing/temporary_directory.h"
#include "testing/without_io_uring.h"

namespace protobase {
namespace {

/// Hands batches on, counts what is read one by one, and may spoil a batch.
class WatchedProvider final : public testing::ForwardingBlockProvider {
 public:
  using ForwardingBlockProvider::ForwardingBlockProvider;

  std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                   std::size_t at_least) override {
    ++single_reads;
    return ForwardingBlockProvider::read(wal, offset, out, at_least);
  }
  bool read_many(std::span<BlockRead> reads) override {
    if (!batches) return false;
    ++asked;
    largest_batch = std::max<std::size_t>(largest_batch, reads.size());
    for (BlockRead& read : reads) {
      read.filled = ForwardingBlockProvider::read(read.wal, read.offset, read.out, 0);
    }
    if (spoil) spoil(reads);
    return true;
  }

  bool batches = true;
  std::function<void(std::span<BlockRead>)> spoil;
  std::atomic<int> asked{0};
  std::atomic<int> single_reads{0};
  std::atomic<std::size_t> largest_batch{0};
};

StorageOptions without_caches() {
  StorageOptions options;
  options.enable_atom_bytes_cache = false;
  options.enable_atom_object_cache = false;
  return options;
}

/// A space of atoms "0", "1", and so on, of many lengths, some longer than a first read.
class GetManyTest : public ::testing::Test {
 protected:
  static constexpr int kAtoms = 600;

  static std::string text(int number) {
    return std::to_string(number) + std::string(static_cast<std::size_t>(number * 7 % 600), '.');
  }

  void SetUp() override {
    StandaloneFileStorage storage(path());
    for (int i = 0; i < kAtoms; ++i) pointers_.push_back(storage.push_atom(text(i)));
    storage.set_current_root(pointers_.back());
    storage.close();
  }

  std::string path() const { return directory_.at("space"); }
  std::string wal_path() const {
    return testing::wal_path(path(), pointers_.front().transaction_id);
  }

  void expect_all(SharedStorage& storage) {
    const auto atoms = storage.get_atoms(pointers_);
    const auto payloads = storage.get_bytes_many(pointers_);
    ASSERT_EQ(atoms.size(), pointers_.size());
    ASSERT_EQ(payloads.size(), pointers_.size());
    for (int i = 0; i < kAtoms; ++i) {
      const auto at = static_cast<std::size_t>(i);
      EXPECT_EQ(*atoms[at], Atom(text(i)));
      EXPECT_EQ(payloads[at].as_text(), '"' + text(i) + '"');
    }
  }

  /// The first failure in order, as get_bytes tells it; both calls must fail with it.
  void expect_failure_of(SharedStorage& storage, const AtomPointer& bad,
                         const std::vector<AtomPointer>& asked) {
    std::string message;
    try {
      storage.get_bytes(bad);
    } catch (const ProtoBaseError& error) {
      message = error.what();
    }
    ASSERT_FALSE(message.empty());
    const auto told = [&](const std::function<void()>& call) -> std::string {
      try {
        call();
      } catch (const ProtoBaseError& error) {
        return error.what();
      }
      return "nothing was thrown";
    };
    EXPECT_EQ(told([&] { storage.get_bytes_many(asked); }), message);
    EXPECT_EQ(told([&] { storage.get_atoms(asked); }), message);
  }

  testing::TemporaryDirectory directory_;
  std::vector<AtomPointer> pointers_;
};

TEST_F(GetManyTest, EachAnswerStandsWhereItWasAskedFor) {
  StandaloneFileStorage storage(path(), without_caches());
  expect_all(storage);
  const std::vector asked = {pointers_[5], pointers_[3], pointers_[5], pointers_[5], pointers_[0]};
  const auto payloads = storage.get_bytes_many(asked);
  const std::vector<int> expected = {5, 3, 5, 5, 0};
  for (std::size_t i = 0; i < asked.size(); ++i) {
    EXPECT_EQ(payloads[i].as_text(), '"' + text(expected[i]) + '"');
  }
}

TEST_F(GetManyTest, WhatIsStillInTheBufferComesWithTheRest) {
  StandaloneFileStorage storage(path(), without_caches());
  const auto fresh = storage.push_atom("fresh");
  const std::vector asked = {pointers_[1], fresh, pointers_[2]};
  const auto atoms = storage.get_atoms(asked);
  EXPECT_EQ(*atoms[0], Atom(text(1)));
  EXPECT_EQ(*atoms[1], Atom("fresh"));
  EXPECT_EQ(*atoms[2], Atom(text(2)));
}

TEST_F(GetManyTest, OneBadRecordAmongManyFailsAsItDoesAlone) {
  testing::flip_bit(wal_path(), pointers_[40].offset + 20);
  StandaloneFileStorage storage(path(), without_caches());
  expect_failure_of(storage, pointers_[40], pointers_);
  auto others = pointers_;
  others.erase(others.begin() + 40);
  EXPECT_EQ(storage.get_bytes_many(others).size(), others.size());
}

TEST_F(GetManyTest, TheFirstFailureInOrderIsThrown) {
  testing::flip_bit(wal_path(), pointers_[40].offset + 20);
  StandaloneFileStorage storage(path(), without_caches());
  const AtomPointer unknown{UUID::from_random({}), 4096};
  const AtomPointer between{pointers_[9].transaction_id, pointers_[9].offset + 8};
  const AtomPointer unaligned{pointers_[9].transaction_id, pointers_[9].offset + 1};
  const AtomPointer behind{pointers_[9].transaction_id, std::uint64_t{1} << 40};
  const AtomPointer far_behind{pointers_[9].transaction_id, ~std::uint64_t{7}};
  for (const auto& bad : {unknown, between, unaligned, behind, far_behind}) {
    expect_failure_of(storage, bad, {pointers_[1], bad, pointers_[2], pointers_[40]});
    expect_failure_of(storage, pointers_[40], {pointers_[1], pointers_[40], pointers_[2], bad});
  }
}

TEST_F(GetManyTest, AFileThatWasCutShortLosesOnlyItsEnd) {
  std::filesystem::resize_file(wal_path(), pointers_[300].offset + 20);
  FileBlockProviderOptions options;
  options.access = SpaceAccess::kReadOnly;
  StandaloneFileStorage storage(std::make_shared<FileBlockProvider>(path(), options),
                                without_caches());
  const std::vector whole(pointers_.begin(), pointers_.begin() + 300);
  EXPECT_EQ(storage.get_bytes_many(whole).size(), 300u);
  expect_failure_of(storage, pointers_[300], {pointers_[1], pointers_[300], pointers_[2]});
  expect_failure_of(storage, pointers_[301], {pointers_[1], pointers_[301], pointers_[300]});
}

TEST_F(GetManyTest, TheMachinesOwnFilesAreReadByARing) {
  if (!os::posix_file_system()->read_many({})) GTEST_SKIP() << "no io_uring here";
  FileBlockProvider provider(path());
  std::vector<std::array<std::byte, 16>> headers(300);
  std::vector<BlockRead> reads;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    reads.push_back({pointers_[i].transaction_id, pointers_[i].offset, headers[i]});
  }
  EXPECT_TRUE(provider.read_many(reads));
  for (std::size_t i = 0; i < headers.size(); ++i) {
    EXPECT_EQ(reads[i].filled, 16u);
    std::array<std::byte, 16> expected;
    provider.read(reads[i].wal, reads[i].offset, expected, 16);
    EXPECT_EQ(headers[i], expected);
  }
}

TEST_F(GetManyTest, AKernelWithoutRingsChangesNothing) {
  for (const int error : {ENOSYS, EPERM, ENOMEM}) {
    testing::run_without_io_uring(error, [&] {
      EXPECT_FALSE(os::posix_file_system()->read_many({})) << "otherwise this tests nothing";
      StandaloneFileStorage storage(path(), without_caches());
      expect_all(storage);
      expect_all(storage);
    });
  }
}

TEST_F(GetManyTest, AFaultOfTheDiskReachesTheRecordThatItStruck) {
  const auto faults = std::make_shared<testing::FaultFileSystem>(os::posix_file_system());
  FileBlockProviderOptions options;
  options.file_system = faults;
  StandaloneFileStorage storage(std::make_shared<FileBlockProvider>(path(), options),
                                without_caches());
  const std::vector asked(pointers_.begin(), pointers_.begin() + 50);
  storage.get_bytes_many(asked);
  faults->set_fault(testing::Fault{.at_call = 20, .only = testing::FileCall::kRead});
  testing::expect_error<os::ReadError>([&] { storage.get_bytes_many(asked); },
                                       {"Input/output error"});
  EXPECT_EQ(faults->hits(), 1u);
  faults->heal();
  expect_all(storage);
}

class WatchedGetManyTest : public GetManyTest {
 protected:
  std::unique_ptr<StandaloneFileStorage> open(const StorageOptions& options) {
    provider_ = std::make_shared<WatchedProvider>(std::make_shared<FileBlockProvider>(path()));
    return std::make_unique<StandaloneFileStorage>(provider_, options);
  }
  std::vector<AtomPointer> short_ones() const {
    std::vector<AtomPointer> pointers;
    for (int i = 0; i < kAtoms; ++i) {
      if (text(i).size() < 490) pointers.push_back(pointers_[static_cast<std::size_t>(i)]);
    }
    return pointers;
  }

  std::shared_ptr<WatchedProvider> provider_;
};

TEST_F(WatchedGetManyTest, ShortRecordsAreReadOnlyInBatches) {
  const auto storage = open(without_caches());
  const auto pointers = short_ones();
  storage->get_bytes_many(pointers);
  EXPECT_EQ(provider_->single_reads, 0);
  EXPECT_EQ(provider_->asked, static_cast<int>((pointers.size() + 255) / 256));
  EXPECT_EQ(provider_->largest_batch, 256u);
  EXPECT_EQ(storage->stats().record_reads, pointers.size());
  storage->get_bytes_many(pointers_);
  EXPECT_GT(provider_->single_reads, 0) << "longer ones need more";
  EXPECT_EQ(storage->stats().record_reads, pointers.size() + pointers_.size());
}

TEST_F(WatchedGetManyTest, ABatchFillsTheCachesAndTheyAreAskedFirst) {
  const auto storage = open({});
  const auto pointers = short_ones();
  storage->get_bytes_many(pointers);
  const int asked = provider_->asked;
  storage->get_bytes_many(pointers);
  storage->get_atoms(pointers);
  storage->get_bytes(pointers[7]);
  EXPECT_EQ(provider_->asked, asked);
  EXPECT_EQ(provider_->single_reads, 0);
  const auto stats = storage->stats();
  EXPECT_EQ(stats.bytes_cache.misses, pointers.size());
  EXPECT_EQ(stats.bytes_cache.hits, 2 * pointers.size() + 1);
  EXPECT_EQ(stats.object_cache.misses, pointers.size());
  EXPECT_EQ(storage->get_atoms(pointers)[3], storage->get_atom(pointers[3])) << "the same object";
}

TEST_F(WatchedGetManyTest, AnAtomAskedForTwiceInABatchIsOneObject) {
  const auto storage = open({});
  const auto atoms = storage->get_atoms(std::vector{pointers_[3], pointers_[4], pointers_[3]});
  EXPECT_EQ(atoms[0], atoms[2]);
  EXPECT_EQ(*atoms[0], Atom(text(3)));
}

TEST_F(WatchedGetManyTest, AMediumWithoutBatchesIsAskedOnce) {
  const auto storage = open(without_caches());
  provider_->batches = false;
  expect_all(*storage);
  provider_->batches = true;
  expect_all(*storage);
  EXPECT_EQ(provider_->asked, 0);
}

TEST_F(WatchedGetManyTest, WhatABatchDoesNotBringIsReadAlone) {
  const auto storage = open(without_caches());
  const std::vector<std::function<void(BlockRead&)>> ways = {
      [](BlockRead& read) { read.filled = 0; },
      [](BlockRead& read) { read.filled = std::min<std::size_t>(read.filled, 15); },
      [](BlockRead& read) { read.filled = std::min<std::size_t>(read.filled, 17); },
      [](BlockRead& read) { read.out[18] ^= std::byte{1}; },
      [](BlockRead& read) { std::fill(read.out.begin(), read.out.end(), std::byte{}); },
      [](BlockRead&) { throw UnexpectedError("no batch today"); },
  };
  for (const auto& spoil_one : ways) {
    const int before = provider_->single_reads;
    provider_->spoil = [&](std::span<BlockRead> reads) {
      for (std::size_t i = 0; i < reads.size(); i += 3) spoil_one(reads[i]);
    };
    expect_all(*storage);
    EXPECT_GE(provider_->single_reads - before, 2 * kAtoms / 3);
  }
}

TEST_F(GetManyTest, ManyThreadsAskForTheSameWhileItIsClosed) {
  for (const bool caches : {false, true}) {
    StandaloneFileStorage storage(path(), caches ? StorageOptions{} : without_caches());
    std::atomic<int> rounds{0};
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        testing::expect_error<ValidationError>(
            [&] {
              for (;; ++rounds) expect_all(storage);
            },
            {"closed"});
      });
    }
    while (rounds < 8) std::this_thread::yield();
    storage.close();
  }
}

}  // namespace
}  // namespace protobase
