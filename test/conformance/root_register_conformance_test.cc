// The root registers of all storages against the contract of RootRegister.
#include "test/conformance/root_register_conformance.h"

#include "memory/memory_block_provider.h"
#include "protobase/file_block_provider.h"
#ifdef PROTOBASE_HAVE_CLOUD
#include "test/conformance/cloud_places.h"
#endif
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

const RootRegisterCase kFile{"File", new_directory};

INSTANTIATE_TEST_SUITE_P(Local, RootRegisterConformance,
                         ::testing::Values(RootRegisterCase{"Memory", new_memory}, kFile),
                         [](const auto& test) { return test.param.name; });
#ifdef PROTOBASE_HAVE_CLOUD
INSTANTIATE_TEST_SUITE_P(Cloud, RootRegisterConformance,
                         ::testing::Values(RootRegisterCase{"S3", new_bucket<MockS3Client>},
                                           RootRegisterCase{"Journal", new_journaled_bucket},
                                           RootRegisterCase{"Google",
                                                            new_bucket<MockGoogleCloudClient>}),
                         [](const auto& test) { return test.param.name; });
#endif

INSTANTIATE_TEST_SUITE_P(Local, SharedRootRegisterConformance, ::testing::Values(kFile),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace protobase::conformance
