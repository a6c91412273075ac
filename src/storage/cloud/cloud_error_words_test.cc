// What users of a store in a bucket are told: which object or place, what is wrong, what to do.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "cloud/slot.h"
#include "protobase/errors.h"
#include "testing/cloud_machines.h"
#include "testing/expect_error.h"

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

TEST_F(CloudErrorWordsTest, WhoWaitsForTheRootInVainIsToldWhatToDo) {
  CloudBlockProvider provider(new_client(), cloud());
  const auto held = provider.root_register().lock(0);
  expect_error<LockingError>([&] { provider.root_register().lock(0); },
                             {"s3://mock", "0 ms", "try again", "root_lock_timeout_ms"});
}

}  // namespace
}  // namespace protobase
