#include "file/wal_room.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <new>
#include <random>
#include <string>
#include <thread>

#include "protobase/errors.h"
#include "testing/fault_file_system.h"
#include "testing/forwarding_file_system.h"
#include "testing/temporary_directory.h"

namespace protobase::file {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

class WALRoomTest : public ::testing::Test {
 protected:
  std::unique_ptr<os::File> open() { return system_->open(path_, os::OpenMode::kCreate); }

  /// What the log does: room first, then the bytes.
  void append(std::uint64_t size, char letter) {
    const std::uint64_t begin = written_.size();
    room_.make(begin, begin + size);
    const std::string text(size, letter);
    const auto part = as_bytes(text);
    file_->write(begin, {&part, 1});
    written_ += text;
  }

  /// No write finds space until the system is healed.
  void fill_disk() {
    testing::Fault full;
    full.error = testing::Fault::Error::kNoSpace;
    full.for_good = true;
    full.only = testing::FileCall::kWrite;
    system_->set_fault(full);
  }

  /// The log is as it was written, and zeros are behind it.
  void expect_log_and_zeros() {
    const std::string found = testing::read_file(path_);
    ASSERT_GE(found.size(), written_.size());
    EXPECT_TRUE(found.starts_with(written_));
    EXPECT_EQ(found.find_first_not_of('\0', written_.size()), std::string::npos);
  }

  testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.at("wal");
  std::shared_ptr<testing::FaultFileSystem> system_ =
      std::make_shared<testing::FaultFileSystem>(os::posix_file_system());
  std::string written_;
  std::unique_ptr<os::File> file_ = open();
  WALRoom room_{*file_, [this] { return open(); }, 0};
};

TEST_F(WALRoomTest, ASmallLogMakesItsRoomInAFewSteps) {
  for (int i = 0; i < 1000; ++i) append(100, 'a');
  EXPECT_EQ(std::filesystem::file_size(path_), room_.ready());
  EXPECT_LE(room_.ready(), 256u << 10) << "and stays small";
  const auto calls = system_->calls();
  EXPECT_LE(std::ranges::count(calls, testing::FileCall::kWrite), 1005);
  expect_log_and_zeros();
}

TEST_F(WALRoomTest, ReservedRoomIsOnTheDiskWhenTheCallReturns) {
  append(100, 'a');
  system_->set_fault(std::nullopt);  // counts from here
  room_.reserve(8 * kMiB);
  EXPECT_GE(room_.ready(), 8 * kMiB);
  EXPECT_EQ(system_->calls().back(), testing::FileCall::kSyncData);
  const auto size = std::filesystem::file_size(path_);
  while (written_.size() + kMiB < 4 * kMiB) append(kMiB / 2, 'b');
  EXPECT_EQ(std::filesystem::file_size(path_), size) << "the log only overwrites";
  expect_log_and_zeros();
}

TEST_F(WALRoomTest, TheThreadKeepsAheadOfALogInLargeCommits) {
  append(100'000, 'a');
  while (room_.ready() < written_.size() + kMiB) std::this_thread::yield();
  append(100'000, 'b');
  expect_log_and_zeros();
}

TEST_F(WALRoomTest, ZerosNeverMeetRecordsHoweverTheLogAndTheThreadRace) {
  std::mt19937 random(7);
  for (int i = 0; i < 400; ++i) {
    // Now small, now so large that the log overtakes the thread; now and then it may catch up.
    append(random() % 8 == 0 ? random() % (2 * kMiB) : random() % 40'000,
           static_cast<char>('a' + i % 26));
    if (random() % 16 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(6));
  }
  room_.stop();
  expect_log_and_zeros();
}

TEST_F(WALRoomTest, WithoutSpaceReservingFailsAndTheLogGoesOn) {
  append(100, 'a');
  fill_disk();
  EXPECT_THROW(room_.reserve(8 * kMiB), NoSpaceError);
  system_->heal();
  append(300'000, 'b');
  EXPECT_EQ(room_.broken(), "");
  room_.reserve(8 * kMiB);  // there is space again
  EXPECT_GE(room_.ready(), 8 * kMiB);
  expect_log_and_zeros();
}

TEST_F(WALRoomTest, AFailedSyncOrWriteOfTheRoomIsTold) {
  for (const auto call : {testing::FileCall::kSyncData, testing::FileCall::kWrite}) {
    WALRoom room{*file_, [this] { return open(); }, 0};
    EXPECT_EQ(room.broken(), "");
    testing::Fault once;
    once.only = call;
    system_->set_fault(once);
    EXPECT_THROW(room.reserve(4 * kMiB), UnexpectedError);
    EXPECT_NE(room.broken().find("Input/output error"), std::string::npos) << room.broken();
  }
}

TEST_F(WALRoomTest, WithoutMemoryForTheThreadReservingFailsAndTheLogGoesOn) {
  WALRoom room(
      *file_, []() -> std::unique_ptr<os::File> { throw std::bad_alloc(); }, 0);
  EXPECT_THROW(room.reserve(8 * kMiB), std::bad_alloc);
  room.make(0, 100);
  EXPECT_GE(room.ready(), 100u);
}

TEST_F(WALRoomTest, TheLogMayMakeTheRoomThatSomebodyWaitsFor) {
  for (int round = 0; round < 300; ++round) {
    WALRoom room{*file_, [this] { return open(); }, 4096};
    std::jthread waiter([&] { room.reserve(20'000); });  // hangs when nobody tells it
    room.make(4096, 5000);
  }
}

/// Each sync takes a while.
class SlowFile final : public testing::ForwardingFile {
 public:
  using ForwardingFile::ForwardingFile;
  void sync_data() override {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ForwardingFile::sync_data();
  }
};

TEST_F(WALRoomTest, AWriteWaitsForOneStepOfALongReservation) {
  WALRoom room{*file_, [this] { return std::make_unique<SlowFile>(open()); }, 0};
  std::jthread waiter([&] { room.reserve(64 * kMiB); });
  while (room.ready() < kMiB) std::this_thread::yield();
  room.make(room.ready(), room.ready() + 3 * kMiB);
  EXPECT_LT(room.ready(), 16 * kMiB);
  room.stop();
}

TEST_F(WALRoomTest, WhatCouldNotBeHadIsNotWantedAnyMore) {
  fill_disk();
  EXPECT_THROW(room_.reserve(256 * kMiB), NoSpaceError);
  system_->heal();
  room_.reserve(kMiB);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_LE(room_.ready(), 2 * kMiB);
}

TEST_F(WALRoomTest, StoppingEndsWhoWaits) {
  std::jthread waiter([&] { room_.reserve(std::uint64_t{64} << 30); });
  while (room_.ready() < kMiB) std::this_thread::yield();
  room_.stop();
  waiter.join();
  EXPECT_EQ(std::filesystem::file_size(path_), room_.ready()) << "and ready() stays";
}

}  // namespace
}  // namespace protobase::file
