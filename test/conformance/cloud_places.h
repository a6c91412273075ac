// Stores in mock buckets, for the conformance suites: each opening is another machine's client.
#pragma once

#include <functional>
#include <memory>

#include "protobase/cloud_block_provider.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/mock_google_cloud_client.h"
#include "protobase/mock_s3_client.h"
#include "testing/temporary_directory.h"

namespace protobase::conformance {

inline CloudStorageOptions always_polling() {
  CloudStorageOptions options;
  options.poll_interval_ms = 0;
  return options;
}

template <typename Client>
std::function<std::shared_ptr<BlockProvider>()> new_bucket() {
  return [first = std::make_shared<Client>()] {
    return std::make_shared<CloudBlockProvider>(std::make_shared<Client>(first->bucket()),
                                                always_polling());
  };
}

template <typename Client>
std::function<std::unique_ptr<SharedStorage>(const StorageOptions&)> new_bucket_storage() {
  return [first = std::make_shared<Client>()](const StorageOptions& options) {
    return std::make_unique<CloudFileStorage>(std::make_shared<Client>(first->bucket()),
                                              always_polling(), options);
  };
}

/// Each opening is the same machine, with the same journal, one after the other.
inline CloudStorageOptions with_journal(const testing::TemporaryDirectory& place) {
  CloudStorageOptions options = always_polling();
  options.commit_durability = CommitDurability::kLocal;
  options.journal_dir = place.at("journal");
  return options;
}

inline std::function<std::shared_ptr<BlockProvider>()> new_journaled_bucket() {
  return [first = std::make_shared<MockS3Client>(),
          place = std::make_shared<testing::TemporaryDirectory>()] {
    return std::make_shared<CloudBlockProvider>(std::make_shared<MockS3Client>(first->bucket()),
                                                with_journal(*place));
  };
}

inline std::function<std::unique_ptr<SharedStorage>(const StorageOptions&)>
new_journaled_bucket_storage() {
  return [first = std::make_shared<MockS3Client>(),
          place = std::make_shared<testing::TemporaryDirectory>()](const StorageOptions& options) {
    return std::make_unique<CloudFileStorage>(std::make_shared<MockS3Client>(first->bucket()),
                                              with_journal(*place), options);
  };
}

}  // namespace protobase::conformance
