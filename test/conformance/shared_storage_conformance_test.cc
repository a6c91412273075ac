// All storages against the contract of SharedStorage.
#include "test/conformance/shared_storage_conformance.h"

#include "protobase/file_block_provider.h"
#include "protobase/memory_storage.h"
#include "protobase/standalone_file_storage.h"
#ifdef PROTOBASE_HAVE_CLOUD
#include "test/conformance/cloud_places.h"
#endif
#include "test/conformance/shared_storage_batches_conformance.h"
#include "test/conformance/shared_storage_closing_conformance.h"
#include "test/conformance/shared_storage_root_conformance.h"
#include "test/conformance/shared_storage_threads_conformance.h"
#include "testing/temporary_directory.h"

namespace protobase::conformance {
namespace {

SharedStorageCase::Open new_memory() {
  return [](const StorageOptions& options) { return std::make_unique<MemoryStorage>(options); };
}

SharedStorageCase::Open new_directory() {
  return [place = std::make_shared<testing::TemporaryDirectory>()](const StorageOptions& options) {
    return std::make_unique<StandaloneFileStorage>(place->at("space"), options);
  };
}

/// The same, read through maps.
SharedStorageCase::Open new_mapped_directory() {
  const auto place = std::make_shared<testing::TemporaryDirectory>();
  return [place](const StorageOptions& options) {
    FileBlockProviderOptions files;
    files.map_wals = true;
    return std::make_unique<StandaloneFileStorage>(
        std::make_shared<FileBlockProvider>(place->at("space"), files), options);
  };
}

const SharedStorageCase kFile{"StandaloneFileStorage", new_directory};
const SharedStorageCase kMappedFile{"StandaloneFileStorage_mapped", new_mapped_directory};

INSTANTIATE_TEST_SUITE_P(Local, SharedStorageConformance,
                         ::testing::Values(SharedStorageCase{"MemoryStorage", new_memory}, kFile,
                                           kMappedFile),
                         [](const auto& test) { return test.param.name; });
#ifdef PROTOBASE_HAVE_CLOUD
const SharedStorageCase kS3{"S3", new_bucket_storage<MockS3Client>};
const SharedStorageCase kGoogle{"Google", new_bucket_storage<MockGoogleCloudClient>};
const SharedStorageCase kJournal{"Journal", new_journaled_bucket_storage};

INSTANTIATE_TEST_SUITE_P(Cloud, SharedStorageConformance, ::testing::Values(kS3, kGoogle, kJournal),
                         [](const auto& test) { return test.param.name; });
INSTANTIATE_TEST_SUITE_P(Cloud, DurableStorageConformance,
                         ::testing::Values(kS3, kGoogle, kJournal),
                         [](const auto& test) { return test.param.name; });
#endif

INSTANTIATE_TEST_SUITE_P(Local, DurableStorageConformance, ::testing::Values(kFile, kMappedFile),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace protobase::conformance
