// The providers of all storages, and a decorator, against the contract of BlockProvider.
#include "test/conformance/block_provider_conformance.h"

#include "memory/memory_block_provider.h"
#include "protobase/file_block_provider.h"
#ifdef PROTOBASE_HAVE_CLOUD
#include "test/conformance/cloud_places.h"
#endif
#include "testing/counting_file_system.h"
#include "testing/slow_block_provider.h"
#include "testing/temporary_directory.h"

namespace protobase::conformance {
namespace {

using Open = std::function<std::shared_ptr<BlockProvider>()>;

Open new_memory() {
  return [] { return std::make_shared<memory::MemoryBlockProvider>(); };
}

Open new_directory() {
  return [place = std::make_shared<testing::TemporaryDirectory>()] {
    return std::make_shared<FileBlockProvider>(place->at("space"));
  };
}

/// With the fewest file descriptors a provider can live with.
Open new_directory_with_one_open_file() {
  return [place = std::make_shared<testing::TemporaryDirectory>()] {
    FileBlockProviderOptions options;
    options.max_open_files = 1;
    options.file_system = std::make_shared<testing::CountingFileSystem>();
    return std::make_shared<FileBlockProvider>(place->at("space"), options);
  };
}

Open new_decorated_memory() {
  return [] {
    return std::make_shared<testing::SlowBlockProvider>(
        std::make_shared<memory::MemoryBlockProvider>());
  };
}

const BlockProviderCase kFile{"File", new_directory};
const BlockProviderCase kFileWithOneOpenFile{"FileWithOneOpenFile",
                                             new_directory_with_one_open_file};

INSTANTIATE_TEST_SUITE_P(Local, BlockProviderConformance,
                         ::testing::Values(BlockProviderCase{"Memory", new_memory}, kFile,
                                           kFileWithOneOpenFile,
                                           BlockProviderCase{"Decorated", new_decorated_memory}),
                         [](const auto& test) { return test.param.name; });
#ifdef PROTOBASE_HAVE_CLOUD
const BlockProviderCase kS3{"S3", new_bucket<MockS3Client>};
const BlockProviderCase kGoogle{"Google", new_bucket<MockGoogleCloudClient>};
const BlockProviderCase kJournal{"Journal", new_journaled_bucket};

INSTANTIATE_TEST_SUITE_P(Cloud, BlockProviderConformance, ::testing::Values(kS3, kGoogle, kJournal),
                         [](const auto& test) { return test.param.name; });
INSTANTIATE_TEST_SUITE_P(Cloud, DurableBlockProviderConformance,
                         ::testing::Values(kS3, kGoogle, kJournal),
                         [](const auto& test) { return test.param.name; });
#endif

INSTANTIATE_TEST_SUITE_P(Local, DurableBlockProviderConformance,
                         ::testing::Values(kFile, kFileWithOneOpenFile),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace protobase::conformance
