// What users of a store in a bucket are told: which object or place, what is wrong, what to do.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "cloud/slot.h"
#include "protobase/errors.h"
#include "protobase/mock_s3_client.h"
#include "testing/cloud_machines.h"
#include "testing/expect_error.h"
#include "testing/forwarding_cloud_client.h"

namespace protobase {
namespace {

using testing::expect_error;

class CloudErrorWordsTest : public testing::CloudMachinesTest {
 protected:
  CloudStorageOptions reading() const {
    CloudStorageOptions options = cloud();
    options.access = SpaceAccess::kReadOnly;
    return options;
  }
  /// Makes the newest slot `size` bytes long.
  std::string resize_newest_slot(std::size_t size) {
    const std::string key = cloud::slot_key(2);  // after the claim
    Bytes bytes = *bucket_->find(key)->bytes;
    bytes.resize(size);
    bucket_->put(key, bytes);
    return key;
  }
};

TEST_F(CloudErrorWordsTest, ASlotOfAWrongSizeIsNamedWithTheWayOut) {
  { commit(open(), "root"); }
  const std::size_t size = bucket_->find(cloud::slot_key(2))->bytes->size();
  const std::string key = resize_newest_slot(size + 2);
  expect_error<CorruptionError>([&] { open(reading()); },
                                {"s3://mock", key, "its header says", "restore it", "salvage"});
  resize_newest_slot(12);
  expect_error<CorruptionError>([&] { open(reading()); },
                                {"s3://mock", key, "12 bytes", "restore it", "salvage"});
}

TEST_F(CloudErrorWordsTest, WhoOnlyReadsIsToldWhichStoreItIs) {
  { commit(open(), "root"); }
  const Machine reader = open(reading());
  for (const auto& call : {std::function<void()>([&] { commit(reader, "no"); }),
                           std::function<void()>([&] { reader->merge(); })}) {
    expect_error<NotSupportedError>(call, {"s3://mock", "reading only"});
  }
}

TEST_F(CloudErrorWordsTest, WhoMayNotWriteIsToldOnceThatNothingWasCommitted) {
  { commit(open(), "root"); }
  class Reader final : public testing::ForwardingCloudClient {
   public:
    using ForwardingCloudClient::ForwardingCloudClient;
    CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>>,
                       const CloudPutCondition&) override {
      throw NotAuthorizedError("put " + key + ": AccessDenied");
    }
  };
  CloudFileStorage storage(std::make_shared<Reader>(std::make_shared<MockS3Client>(bucket_)),
                           cloud());
  storage.push_bytes(as_bytes("no"));
  try {
    storage.flush_wal();
    FAIL() << "nothing was thrown";
  } catch (const NotAuthorizedError& error) {
    const std::string text = error.what();
    const auto first = text.find("nothing was committed");
    EXPECT_NE(first, std::string::npos) << text;
    EXPECT_EQ(text.find("nothing was committed", first + 1), std::string::npos) << text;
  }
}

// Its words come in a thread that has nobody to throw to.
TEST_F(CloudErrorWordsTest, ALoggerThatThrowsStopsNeitherProcessNorStorage) {
  int heard = 0;
  CloudStorageOptions options = cloud();
  options.upload_interval_ms = 1;
  options.logger = [&](LogLevel, std::string_view) {
    ++heard;
    throw std::runtime_error("the log is full");
  };
  Machine first = open(options);
  commit(first, "one");
  commit(open(), "two");
  try {
    first->push_bytes(as_bytes("three"));  // flushed in the background, which is refused
    for (int i = 0; i < 5000 && first->stats().wal.buffered_bytes > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      first->push_bytes(as_bytes("four"));
    }
    ADD_FAILURE() << "it was never deposed";
  } catch (const LockingError&) {
  }
  first.storage.reset();
  EXPECT_GT(heard, 0);
  commit(open(), "five");
}

TEST_F(CloudErrorWordsTest, WhoWaitsForTheRootInVainIsToldWhatToDo) {
  CloudBlockProvider provider(new_client(), cloud());
  const auto held = provider.root_register().lock(0);
  expect_error<LockingError>([&] { provider.root_register().lock(0); },
                             {"s3://mock", "0 ms", "try again", "root_lock_timeout_ms"});
}

}  // namespace
}  // namespace protobase
