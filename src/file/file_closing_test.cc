// What a provider of a directory keeps when it is closed beside other calls: nothing.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "file/space_directory.h"
#include "protobase/errors.h"
#include "protobase/file_block_provider.h"
#include "testing/expect_error.h"
#include "testing/forwarding_file_system.h"
#include "testing/memory_file_system.h"

namespace protobase {
namespace {

/// Counts how many files are open, and runs a hook before one is opened.
class WatchedFiles final : public testing::ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override {
    if (before_open_) before_open_(path, mode);
    auto file = ForwardingFileSystem::open(path, mode);
    return file ? std::make_unique<WatchedFile>(std::move(file), open_) : nullptr;
  }

  void set_before_open(std::function<void(const std::string&, os::OpenMode)> hook) {
    before_open_ = std::move(hook);
  }
  int open_files() const { return *open_; }

 private:
  class WatchedFile final : public testing::ForwardingFile {
   public:
    WatchedFile(std::unique_ptr<os::File> inner, std::shared_ptr<std::atomic<int>> open)
        : ForwardingFile(std::move(inner)), open_(std::move(open)) {
      ++*open_;
    }
    ~WatchedFile() override { --*open_; }
    WatchedFile(const WatchedFile&) = delete;
    WatchedFile& operator=(const WatchedFile&) = delete;

   private:
    const std::shared_ptr<std::atomic<int>> open_;
  };

  const std::shared_ptr<std::atomic<int>> open_ = std::make_shared<std::atomic<int>>(0);
  std::function<void(const std::string&, os::OpenMode)> before_open_;
};

class ClosingTest : public ::testing::Test {
 protected:
  std::unique_ptr<FileBlockProvider> open() const {
    FileBlockProviderOptions options;
    options.file_system = files_;
    return std::make_unique<FileBlockProvider>("/space", options);
  }

  const std::shared_ptr<WatchedFiles> files_ =
      std::make_shared<WatchedFiles>(std::make_shared<testing::MemoryFileSystem>());
};

TEST_F(ClosingTest, AFileThatAReadOpenedMeanwhileIsNotKept) {
  const auto writer = open();
  const AtomPointer begin = writer->claim_wal();
  writer->write({begin.transaction_id, begin.offset, {SharedBytes::copy_of(as_bytes("readable"))}});
  writer->sync(begin.transaction_id);
  writer->release_wal(begin.transaction_id, /*resumable=*/true);
  writer->close();
  const auto reader = open();
  files_->set_before_open([&](const std::string& path, os::OpenMode) {
    if (path.ends_with(".wal")) reader->close();
  });
  std::byte out[8];
  EXPECT_EQ(reader->read(begin.transaction_id, begin.offset, out, 8), 8u);
  EXPECT_EQ(files_->open_files(), 0);
}

TEST_F(ClosingTest, WhoJoinsTheSpaceMeanwhileIsNoMemberBehindIt) {
  const auto provider = open();
  std::jthread closing;
  files_->set_before_open([&](const std::string&, os::OpenMode mode) {
    if (mode != os::OpenMode::kCreate || closing.joinable()) return;
    closing = std::jthread([&] { provider->close(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  });
  testing::expect_error<ValidationError>([&] { provider->root_register().lock(1000); }, {"closed"});
  closing.join();
  EXPECT_EQ(files_->open_files(), 0);
  files_->set_before_open({});
  const auto lock_file =
      files_->open(file::SpaceDirectory(files_, "/space").lock_path(), os::OpenMode::kReadWrite);
  EXPECT_TRUE(lock_file->try_lock(file::kMembershipLock, /*exclusive=*/true));
}

}  // namespace
}  // namespace protobase
