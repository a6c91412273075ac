// What a provider that may only read refuses.
#include "protobase/file_block_provider.h"

#include <gtest/gtest.h>

#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"
#include "testing/counting_file_system.h"
#include "testing/memory_file_system.h"

namespace protobase {
namespace {

TEST(FileBlockProvider, NothingIsSyncedThroughAReadOnlyOne) {
  const auto files = std::make_shared<testing::MemoryFileSystem>();
  FileBlockProviderOptions options;
  options.file_system = files;
  StandaloneFileStorage writer(std::make_shared<FileBlockProvider>("/space", options));
  const AtomPointer pushed = writer.push_atom(1);
  writer.flush_wal();

  const auto counting = std::make_shared<testing::CountingFileSystem>(files);
  options.access = SpaceAccess::kReadOnly;
  options.file_system = counting;
  FileBlockProvider reader("/space", options);
  const std::uint64_t at_opening = counting->counts().syncs;
  EXPECT_THROW(reader.sync(pushed.transaction_id), NotSupportedError);
  EXPECT_EQ(counting->counts().syncs, at_opening) << "a live writer's WAL is its own to sync";
  EXPECT_EQ(counting->counts().bytes_written, 0u);
}

}  // namespace
}  // namespace protobase
