// Reads in flight together, by the machine's own file system: each counts for itself, whatever
// befalls the others, the kernel's answers, or the ring.
#include "os/ring_pool.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"
#include "testing/forwarding_file_system.h"
#include "testing/temporary_directory.h"
#include "testing/without_io_uring.h"

#if __has_include(<liburing.h>)
#include <dlfcn.h>
#include <liburing.h>

namespace {

/// What io_uring_submit_and_wait answers instead of going to the kernel, in order: an error, or (a
/// positive number) how many reads the kernel takes of those it is given. Then it is the real one.
std::vector<int> answers;
std::atomic<int> answered{0};

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// The library's calls of liburing come here, because the program's own definition is found first.
extern "C" int io_uring_submit_and_wait(io_uring* ring, unsigned wait_nr) {
  if (answers.empty()) {
    return real<int(io_uring*, unsigned)>("io_uring_submit_and_wait")(ring, wait_nr);
  }
  const int answer = answers.front();
  answers.erase(answers.begin());
  ++answered;
  if (answer <= 0) return answer;
  const unsigned tail = ring->sq.sqe_tail;
  ring->sq.sqe_tail = ring->sq.sqe_head + static_cast<unsigned>(answer);
  const int taken = real<int(io_uring*)>("io_uring_submit")(ring);
  ring->sq.sqe_tail = tail;
  return taken;
}
#endif

namespace protobase::os {
namespace {

constexpr std::size_t kSize = 100;

class RingReadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!system_->read_many({})) GTEST_SKIP() << "no io_uring in this build or kernel";
    file_ = make("a", 4000);
  }

  /// A file of `lines` lines of kSize bytes, each with its number.
  std::unique_ptr<File> make(const std::string& name, int lines) {
    std::string text;
    for (int i = 0; i < lines; ++i) text += line(name, i);
    testing::write_file(directory_.at(name), text);
    return system_->open(directory_.at(name), OpenMode::kRead);
  }
  static std::string line(const std::string& name, int number) {
    std::string text = name + std::to_string(number);
    text.resize(kSize, '.');
    return text;
  }

  /// Reads of the first `count` lines of file_ into texts_.
  std::vector<FileRead> lines(int count) {
    texts_.assign(static_cast<std::size_t>(count), std::string(kSize, '?'));
    std::vector<FileRead> reads;
    for (auto& text : texts_) {
      reads.push_back(
          {file_.get(), reads.size() * kSize, std::as_writable_bytes(std::span(text)), 7});
    }
    return reads;
  }
  /// How many were filled; those must be right.
  int count_filled(const std::vector<FileRead>& reads) {
    int filled = 0;
    for (std::size_t i = 0; i < reads.size(); ++i) {
      if (reads[i].filled == 0) continue;
      EXPECT_EQ(reads[i].filled, kSize);
      EXPECT_EQ(texts_[i], line("a", static_cast<int>(i)));
      ++filled;
    }
    return filled;
  }

  testing::TemporaryDirectory directory_;
  std::shared_ptr<FileSystem> system_ = posix_file_system();
  std::unique_ptr<File> file_;
  std::vector<std::string> texts_;
};

TEST_F(RingReadsTest, MoreThanARingHoldsAreAllRead) {
  auto reads = lines(1000);
  EXPECT_TRUE(system_->read_many(reads));
  EXPECT_EQ(count_filled(reads), 1000);
}

TEST_F(RingReadsTest, TheSamePlaceTwiceAndSeveralFilesInAnyOrder) {
  const auto other = make("b", 10);
  auto reads = lines(4);
  reads[0].file = other.get();
  reads[0].offset = 9 * kSize;
  reads[1].offset = reads[2].offset = 3000 * kSize;
  EXPECT_TRUE(system_->read_many(reads));
  EXPECT_EQ(texts_[0], line("b", 9));
  EXPECT_EQ(texts_[1], line("a", 3000));
  EXPECT_EQ(texts_[2], line("a", 3000));
  EXPECT_EQ(texts_[3], line("a", 3));
}

TEST_F(RingReadsTest, WhereTheFileEndsTheReadDoesAndTheOthersGoOn) {
  auto reads = lines(5);
  reads[1].offset = 4000 * kSize - 10;
  reads[2].offset = 4000 * kSize;
  reads[3].offset = std::uint64_t{1} << 61;
  EXPECT_TRUE(system_->read_many(reads));
  EXPECT_EQ(reads[0].filled, kSize);
  EXPECT_EQ(reads[1].filled, 10u);
  EXPECT_EQ(reads[2].filled, 0u);
  EXPECT_EQ(reads[3].filled, 0u);
  EXPECT_EQ(reads[4].filled, kSize);
}

TEST_F(RingReadsTest, AFailedReadFillsNothingAndTheOthersGoOn) {
  auto reads = lines(3);
  void* const page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  reads[1].out = {static_cast<std::byte*>(page), kSize};
  EXPECT_TRUE(system_->read_many(reads));
  EXPECT_EQ(reads[1].filled, 0u);
  reads[1].out = {};
  EXPECT_EQ(count_filled(reads), 2);
  ::munmap(page, 4096);
}

TEST_F(RingReadsTest, OnlyRegularFilesThatItOpenedAreTried) {
  ASSERT_EQ(::mkfifo(directory_.at("pipe").c_str(), 0600), 0);
  const auto pipe = system_->open(directory_.at("pipe"), OpenMode::kReadWrite);
  const auto folder = system_->open(directory_.path(), OpenMode::kRead);
  testing::ForwardingFile decorated(make("b", 5));
  auto reads = lines(5);
  reads[0].file = pipe.get();  // nobody will ever write there
  reads[1].file = folder.get();
  reads[2].file = &decorated;
  reads[3].file = nullptr;
  EXPECT_TRUE(system_->read_many(reads));
  EXPECT_EQ(count_filled(reads), 1);
  EXPECT_EQ(reads[4].filled, kSize);
}

TEST_F(RingReadsTest, ManyThreadsEachGetTheirOwn) {
  std::atomic<int> done{0};
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 40; ++thread) {
    threads.emplace_back([&, thread] {
      std::vector<std::string> texts(300, std::string(kSize, '?'));
      std::vector<FileRead> reads;
      for (auto& text : texts) {
        const auto at = (static_cast<std::size_t>(thread) * 100 + reads.size()) % 4000;
        reads.push_back({file_.get(), at * kSize, std::as_writable_bytes(std::span(text))});
      }
      EXPECT_TRUE(system_->read_many(reads));
      for (std::size_t i = 0; i < reads.size(); ++i) {
        if (reads[i].filled == 0) continue;  // every ring was in use
        EXPECT_EQ(texts[i], line("a", static_cast<int>(reads[i].offset / kSize)));
        ++done;
      }
    });
  }
  threads.clear();
  EXPECT_GE(done, 16 * 300) << "as many as there are rings are not turned away";
  auto reads = lines(100);
  EXPECT_TRUE(system_->read_many(reads));
  EXPECT_EQ(count_filled(reads), 100) << "the rings came back";
}

TEST_F(RingReadsTest, AKernelThatRefusesRingsIsAskedOnce) {
  for (const int error : {ENOSYS, EPERM, ENOMEM}) {
    const auto system = posix_file_system();
    auto reads = lines(3);
    testing::run_without_io_uring(error, [&] { EXPECT_FALSE(system->read_many(reads)); });
    EXPECT_FALSE(system->read_many(reads)) << "though it would be given one now";
    EXPECT_EQ(count_filled(reads), 0);
  }
}

#if __has_include(<liburing.h>)

TEST_F(RingReadsTest, ASignalWhileItSubmitsOrWaitsChangesNothing) {
  auto reads = lines(10);
  answers = {-EINTR, 4, -EINTR, -EINTR};
  EXPECT_TRUE(system_->read_many(reads));
  EXPECT_EQ(count_filled(reads), 10);
}

TEST_F(RingReadsTest, AKernelThatIsShortOfMemoryForAWhileGetsTheRestAgain) {
  auto reads = lines(10);
  answers = {3, 1, 5};
  EXPECT_TRUE(system_->read_many(reads));
  EXPECT_EQ(count_filled(reads), 10);
}

TEST_F(RingReadsTest, WhenTheKernelTakesNoMoreThoseInFlightAreWaitedFor) {
  auto reads = lines(10);
  answers = {3, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN};
  EXPECT_TRUE(system_->read_many(reads));
  answers.clear();
  EXPECT_EQ(count_filled(reads), 3) << "and what it did not take is left to others";
  reads = lines(10);
  EXPECT_TRUE(system_->read_many(reads));
  EXPECT_EQ(count_filled(reads), 10) << "with a new ring";
}

TEST_F(RingReadsTest, AKernelThatRefusesEveryReadIsSoonLeftAlone) {
  auto reads = lines(10);
  int tries = 0;
  do {
    ASSERT_LT(++tries, 100);
    answers = {-EPERM};
  } while (system_->read_many(reads));
  answers.clear();
  EXPECT_EQ(count_filled(reads), 0);
  EXPECT_FALSE(system_->read_many(reads)) << "for good";
}

#endif

}  // namespace
}  // namespace protobase::os
