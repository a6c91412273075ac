// Every option of StorageOptions does what it says: each has an effect that can be seen from
// outside.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>

#include "memory/memory_block_provider.h"
#include "protobase/errors.h"
#include "protobase/memory_storage.h"
#include "protobase/standalone_file_storage.h"
#include "testing/expect_error.h"
#include "testing/slow_block_provider.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

AtomPointer push(SharedStorage& storage, const std::string& text) {
  return storage.push_bytes(as_bytes(text));
}

/// A storage over a medium that a test can hold still.
struct SlowStorage {
  explicit SlowStorage(const StorageOptions& options = {})
      : medium(std::make_shared<testing::SlowBlockProvider>(
            std::make_shared<memory::MemoryBlockProvider>())),
        storage(medium, options) {}
  ~SlowStorage() { medium->let_go(); }

  std::shared_ptr<testing::SlowBlockProvider> medium;
  StandaloneFileStorage storage;
};

StorageOptions small_buffers() {
  StorageOptions options;
  options.buffer_size = 4096;
  options.max_unflushed_bytes = 32'768;
  return options;
}

TEST(OptionEffects, BufferSizeDecidesWhenTheBackgroundWriterBegins) {
  for (const std::size_t buffer_size : {std::size_t{16} << 10, std::size_t{128} << 10}) {
    StorageOptions options;
    options.buffer_size = buffer_size;
    options.max_unflushed_bytes = 2 * buffer_size;
    SlowStorage slow(options);
    slow.medium->hold();
    std::uint64_t pushed = 0;
    const std::string kilobyte(1008, 'b');  // 1024 with its header
    for (; pushed + 1024 < buffer_size; pushed += 1024) push(slow.storage, kilobyte);
    std::this_thread::sleep_for(milliseconds(20));
    slow.medium->let_go();
    EXPECT_EQ(slow.medium->operations(), 0u) << "a buffer that is not full stays";
    push(slow.storage, kilobyte);
    const auto deadline = steady_clock::now() + std::chrono::seconds(10);
    while (slow.medium->operations() == 0 && steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    EXPECT_GE(slow.medium->operations(), 1u) << "a full one goes out by itself";
  }
}

TEST(OptionEffects, MaxUnflushedBytesMakesPushesWait) {
  SlowStorage slow(small_buffers());
  slow.medium->hold();
  std::atomic<int> pushed{0};
  std::jthread pusher([&] {
    for (int i = 0; i < 200; ++i) {
      push(slow.storage, std::string(1008, 'u'));
      ++pushed;
    }
  });
  ASSERT_TRUE(slow.medium->wait_until_stuck());
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(pushed, 32) << "32 records of 1 KiB reach the limit of 32 KiB";
  EXPECT_LE(slow.storage.stats().wal.buffered_bytes, 32'768u);
  slow.medium->let_go();
  pusher.join();
  EXPECT_EQ(pushed, 200);
  slow.storage.flush_wal();
  EXPECT_LE(slow.medium->largest_operation(), 32'768u + 24u);
}

TEST(OptionEffects, MaxUnflushedBytesIsNeverLessThanTwoBuffers) {
  StorageOptions options;
  options.buffer_size = 64 * 1024;
  options.max_unflushed_bytes = 8192;
  SlowStorage slow(options);
  slow.medium->hold();
  for (int i = 0; i < 120; ++i)
    push(slow.storage, std::string(1008, 't'));  // waits for ever if less
  EXPECT_EQ(slow.storage.stats().wal.buffered_bytes, 120u * 1024u);
}

TEST(OptionEffects, ARecordLargerThanMaxUnflushedBytesIsLetThroughAlone) {
  SlowStorage slow(small_buffers());
  const auto large = push(slow.storage, std::string(1 << 20, 'L'));
  const auto small = push(slow.storage, "behind it");
  EXPECT_EQ(slow.storage.get_bytes(large).size(), std::size_t{1} << 20);
  EXPECT_EQ(slow.storage.get_bytes(small).size(), 9u);
}

TEST(OptionEffects, APushNeverWaitsForAMediumBelowTheLimit) {
  SlowStorage slow;
  slow.medium->hold();
  for (int i = 0; i < 1000; ++i) push(slow.storage, std::string(1000, 'n'));
  slow.medium->let_go();
}

TEST(OptionEffects, WALMaxSizeRollsOver) {
  const testing::TemporaryDirectory directory;
  StorageOptions options = small_buffers();
  options.wal_max_size = 65'536;
  options.enable_atom_bytes_cache = false;
  std::vector<AtomPointer> pointers;
  {
    StandaloneFileStorage storage(directory.at("space"), options);
    for (int i = 0; i < 300; ++i)
      pointers.push_back(push(storage, std::string(1000, static_cast<char>(i))));
    storage.set_current_root(pointers.back());
    EXPECT_GE(storage.list_wals().size(), 5u);
    for (std::size_t i = 0; i < pointers.size(); ++i) {
      EXPECT_EQ(storage.get_bytes(pointers[i]).as_text(), std::string(1000, static_cast<char>(i)));
    }
  }
  StandaloneFileStorage storage(directory.at("space"), options);
  EXPECT_EQ(storage.read_current_root(), pointers.back());
  for (const auto& pointer : pointers) EXPECT_EQ(storage.get_bytes(pointer).size(), 1000u);
  for (const auto& wal : storage.list_wals()) {
    EXPECT_LT(wal.end, 65'536u + 1024u) << "at most one record past the limit";
  }
  EXPECT_EQ(storage.verify({}).bad_places, 0u);
}

TEST(OptionEffects, AFullWALIsNeverAppendedToAgain) {
  const testing::TemporaryDirectory directory;
  StorageOptions options = small_buffers();
  options.wal_max_size = 65'536;
  std::map<std::string, std::string> full;
  {
    StandaloneFileStorage storage(directory.at("space"), options);
    AtomPointer last;
    for (int i = 0; i < 100; ++i) last = push(storage, std::string(1000, 'f'));
    storage.flush_wal();
    const auto current = last.transaction_id.to_string() + ".wal";
    storage.close();
    full = testing::snapshot(directory.at("space"));
    full.erase(current);
  }
  ASSERT_FALSE(full.empty());
  options.wal_max_size = std::uint64_t{1} << 30;  // even when there would be room now
  StandaloneFileStorage storage(directory.at("space"), options);
  for (int i = 0; i < 10; ++i) storage.set_current_root(push(storage, "more"));
  storage.close();
  const auto after = testing::snapshot(directory.at("space"));
  for (const auto& [name, content] : full) {
    if (!name.ends_with(".wal")) continue;
    EXPECT_TRUE(after.at(name) == content) << name << " changed";
  }
}

TEST(OptionEffects, MaxWorkersBoundsTheReadsInFlight) {
  for (const unsigned workers : {1u, 3u}) {
    StorageOptions options;
    options.max_workers = workers;
    options.enable_atom_bytes_cache = false;
    SlowStorage slow(options);
    std::vector<AtomPointer> pointers;
    for (int i = 0; i < 200; ++i) pointers.push_back(push(slow.storage, std::string(5000, 'w')));
    slow.storage.flush_wal();
    push(slow.storage, std::string(std::size_t{1} << 20, 'n'));  // the others leave the buffer
    slow.medium->set_read_delay(milliseconds(1));
    slow.storage.get_bytes_many(pointers);
    EXPECT_LE(slow.medium->most_readers(), workers + 1) << "the caller reads too";
    EXPECT_GE(slow.medium->most_readers(), 2u) << "the reads are in flight together";
  }
}

/// Pushes one atom and reads it twice; returns the counters.
StorageStats read_twice(const StorageOptions& options) {
  MemoryStorage storage(options);
  const auto pointer = storage.push_atom("cached?");
  for (int i = 0; i < 2; ++i) {
    storage.get_atom(pointer);
    storage.get_bytes(pointer);
  }
  return storage.stats();
}

TEST(OptionEffects, CachesAreOnByDefaultAndWrittenThrough) {
  const auto stats = read_twice({});
  EXPECT_TRUE(stats.object_cache.enabled);
  EXPECT_TRUE(stats.bytes_cache.enabled);
  EXPECT_EQ(stats.object_cache.hits, 2u);
  EXPECT_EQ(stats.bytes_cache.hits, 2u);
  EXPECT_EQ(stats.object_cache.misses + stats.bytes_cache.misses, 0u);
}

TEST(OptionEffects, EachCacheCanBeSwitchedOffInThreeWays) {
  std::vector<StorageOptions> without_objects(3);
  without_objects[0].enable_atom_object_cache = false;
  without_objects[1].object_cache_max_entries = 0;
  without_objects[2].object_cache_max_bytes = 0;
  for (const auto& options : without_objects) {
    const auto stats = read_twice(options);
    EXPECT_FALSE(stats.object_cache.enabled);
    EXPECT_EQ(stats.object_cache.hits, 0u);
    EXPECT_EQ(stats.bytes_cache.hits, 4u);
  }
  std::vector<StorageOptions> without_bytes(3);
  without_bytes[0].enable_atom_bytes_cache = false;
  without_bytes[1].bytes_cache_max_entries = 0;
  without_bytes[2].bytes_cache_max_bytes = 0;
  for (const auto& options : without_bytes) {
    const auto stats = read_twice(options);
    EXPECT_FALSE(stats.bytes_cache.enabled);
    EXPECT_EQ(stats.bytes_cache.hits, 0u);
    EXPECT_EQ(stats.object_cache.hits, 2u);
  }
}

TEST(OptionEffects, CachesKeepToTheirEntries) {
  StorageOptions options;
  options.object_cache_max_entries = 70;
  options.bytes_cache_max_entries = 40;
  MemoryStorage storage(options);
  for (int i = 0; i < 1000; ++i) storage.push_atom(i);
  const auto stats = storage.stats();
  EXPECT_LE(stats.object_cache.entries, 70u);
  EXPECT_GE(stats.object_cache.entries, 10u);
  EXPECT_LE(stats.bytes_cache.entries, 40u);
  EXPECT_GT(stats.bytes_cache.evictions, 0u);
}

TEST(OptionEffects, CachesKeepToTheirBytes) {
  StorageOptions options;
  options.object_cache_max_bytes = 300'000;
  options.bytes_cache_max_bytes = 100'000;
  MemoryStorage storage(options);
  for (int i = 0; i < 1000; ++i) storage.push_atom(std::string(1000, 'b'));
  const auto stats = storage.stats();
  EXPECT_LE(stats.object_cache.bytes, 300'000u);
  EXPECT_LE(stats.bytes_cache.bytes, 100'000u);
  EXPECT_LT(stats.bytes_cache.entries, 100u);
  EXPECT_GT(stats.object_cache.entries, stats.bytes_cache.entries);
}

TEST(OptionEffects, CacheStripesDivideTheCache) {
  for (const std::size_t stripes : {1, 16}) {
    StorageOptions options;
    options.cache_stripes = stripes;
    options.bytes_cache_max_bytes = 1 << 20;
    options.cache_probation_ratio = 0.9;
    MemoryStorage storage(options);
    storage.push_bytes(as_bytes(std::string(64'000, 's')));
    const auto stats = storage.stats().bytes_cache;
    EXPECT_EQ(stats.entries, stripes == 1 ? 1u : 0u)
        << "64 KB do not fit into a sixteenth of 1 MiB";
    EXPECT_EQ(stats.rejections, stripes == 1 ? 0u : 1u);
  }
}

/// Reads some atoms often, then passes once over many others; how many of the hot ones stayed
/// cached.
std::uint64_t hot_atoms_left(double probation_ratio) {
  StorageOptions options;
  options.cache_probation_ratio = probation_ratio;
  options.cache_stripes = 1;
  options.object_cache_max_entries = 100;
  MemoryStorage storage(options);
  std::vector<AtomPointer> hot;
  for (int i = 0; i < 60; ++i) {
    hot.push_back(storage.push_atom(i));
    storage.get_atom(hot.back());
  }
  for (int i = 0; i < 2000; ++i) storage.push_atom(i);
  const auto before = storage.stats().object_cache.hits;
  for (const auto& pointer : hot) storage.get_atom(pointer);
  return storage.stats().object_cache.hits - before;
}

TEST(OptionEffects, CacheProbationRatioDecidesHowMuchAScanMayPushOut) {
  EXPECT_GE(hot_atoms_left(0.2), 55u) << "80 of 100 entries are protected";
  EXPECT_LE(hot_atoms_left(0.9), 15u) << "10 of 100 entries are protected";
}

TEST(OptionEffects, SchemaEpochIsPartOfTheKeyOnlyWithinAStorage) {
  StorageOptions options;
  options.schema_epoch = 7;
  MemoryStorage storage(options);
  const auto pointer = storage.push_atom("epoch");
  storage.get_atom(pointer);
  EXPECT_EQ(storage.stats().object_cache.hits, 1u) << "pushed and read under the same epoch";
}

TEST(OptionEffects, RootLockTimeoutEndsTheWaitForAnotherStorage) {
  const testing::TemporaryDirectory directory;
  StandaloneFileStorage holder(directory.at("space"));
  const auto root = holder.push_atom("root");
  holder.set_current_root(root);
  StorageOptions options;
  options.root_lock_timeout_ms = 150;
  StandaloneFileStorage waiter(directory.at("space"), options);
  const RootGuard guard = holder.root_context_manager();
  const auto start = steady_clock::now();
  testing::expect_error<LockingError>([&] { waiter.set_current_root(root); }, {"150 ms"});
  const auto waited = steady_clock::now() - start;
  EXPECT_GE(waited, milliseconds(150));
  EXPECT_LE(waited, milliseconds(2000));
  EXPECT_THROW(waiter.compare_and_set_root(root, root), LockingError);
  EXPECT_THROW(waiter.root_context_manager(), LockingError);
  EXPECT_EQ(waiter.read_current_root(), root) << "reading needs no lock";
  EXPECT_EQ(holder.root_history(10).size(), 1u);
}

TEST(OptionEffects, TheLoggerHearsOfDamage) {
  const testing::TemporaryDirectory directory;
  const std::string space = directory.at("space");
  AtomPointer first;
  {
    StandaloneFileStorage storage(space);
    first = storage.push_atom("to be damaged");
    storage.set_current_root(storage.push_atom("root"));
  }
  std::filesystem::resize_file(testing::wal_path(space, first.transaction_id), 4200);
  std::mutex mutex;
  std::vector<std::string> heard;
  StorageOptions options;
  options.logger = [&](LogLevel level, std::string_view message) {
    const std::lock_guard lock(mutex);
    if (level != LogLevel::kInfo) heard.emplace_back(message);
  };
  const StandaloneFileStorage storage(space, options);
  ASSERT_FALSE(heard.empty());
  EXPECT_NE(heard[0].find(first.transaction_id.to_string()), std::string::npos) << heard[0];
}

TEST(OptionEffects, AnOptionOutOfRangeMakesNothing) {
  const testing::TemporaryDirectory directory;
  StorageOptions options;
  options.max_workers = 0;
  testing::expect_error<ValidationError>(
      [&] { StandaloneFileStorage(directory.at("space"), options); }, {"max_workers"});
  EXPECT_THROW(MemoryStorage{options}, ValidationError);
  FileBlockProviderOptions provider;
  provider.max_open_files = 0;
  testing::expect_error<ValidationError>(
      [&] { FileBlockProvider(directory.at("space"), provider); }, {"max_open_files"});
  EXPECT_TRUE(testing::snapshot(directory.path()).empty());
}

}  // namespace
}  // namespace protobase
