#include "test/crash/workload.h"

#include <utility>

#include "engine/atom_store.h"
#include "protobase/engine_storage.h"
#include "protobase/errors.h"
#include "protobase/shared_bytes.h"
#include "testing/seeded_random.h"

namespace protobase::crash {
namespace {

constexpr std::size_t kBufferSize = 4096;
constexpr std::uint64_t kWALMaxSize = 64 * 1024;
constexpr std::size_t kSmall = 100;
constexpr std::size_t kLarge = kBufferSize + 1001;  // with padding behind it

/// The store with a clock of ours; StandaloneFileStorage always takes the machine's.
class DeterministicStorage final : public EngineStorage {
 public:
  explicit DeterministicStorage(std::shared_ptr<engine::AtomStore> store)
      : EngineStorage(std::move(store)) {}
};

std::string make_payload(unsigned number, std::size_t size) {
  std::string text = "payload " + std::to_string(number) + " ";
  std::uint64_t x = number + 1;
  while (text.size() < size) {
    x = x * 6364136223846793005ull + 1442695040888963407ull;
    text += static_cast<char>('a' + (x >> 59) % 26);
  }
  return text;
}

}  // namespace

std::unique_ptr<SharedStorage> open_storage(std::shared_ptr<os::FileSystem> files,
                                            std::uint64_t seed, SpaceAccess access) {
  const auto clock = std::make_shared<StepClock>();
  FileBlockProviderOptions provider;
  provider.access = access;
  provider.file_system = std::move(files);
  provider.clock = clock;
  provider.random = std::make_shared<testing::SeededRandom>(seed);
  StorageOptions options;
  options.buffer_size = kBufferSize;
  options.wal_max_size = kWALMaxSize;
  options.max_workers = 1;
  options.enable_atom_object_cache = false;
  options.enable_atom_bytes_cache = false;
  options.root_lock_timeout_ms = 1000;
  return std::make_unique<DeterministicStorage>(std::make_shared<engine::AtomStore>(
      std::make_shared<FileBlockProvider>(kSpace, provider), options, clock));
}

const char* to_text(Step step) noexcept {
  static constexpr const char* kNames[kSteps] = {"push", "push large", "flush",  "commit",
                                                 "cas",  "roll over",  "reopen", "second's commit"};
  return kNames[static_cast<std::size_t>(step)];
}

std::string to_text(std::span<const Step> steps) {
  std::string text;
  for (const Step step : steps) text += (text.empty() ? "" : ", ") + std::string(to_text(step));
  return text;
}

std::vector<std::vector<Step>> all_workloads(std::size_t length) {
  std::vector<std::vector<Step>> all;
  std::vector<std::vector<Step>> longest{{}};
  for (std::size_t i = 0; i < length; ++i) {
    std::vector<std::vector<Step>> longer;
    for (const auto& steps : longest) {
      for (std::size_t step = 0; step < kSteps; ++step) {
        longer.push_back(steps);
        longer.back().push_back(static_cast<Step>(step));
      }
    }
    all.insert(all.end(), longer.begin(), longer.end());
    longest = std::move(longer);
  }
  return all;
}

World::World(std::shared_ptr<os::FileSystem> files, std::shared_ptr<os::FileSystem> second_files,
             std::uint64_t seed)
    : files_(std::move(files)), second_files_(std::move(second_files)), seed_(seed) {}

void World::open(int place) {
  const auto at = static_cast<std::size_t>(place);
  storages_[at] = open_storage(place == 0 ? files_ : second_files_, ++seed_);
  writers_[at] = ++opened_;
}

void World::run(Step step) {
  switch (step) {
    case Step::kPushSmall: push(0, kSmall); return;
    case Step::kPushLarge: push(0, kLarge); return;
    case Step::kFlush:
      storages_[0]->flush_wal();
      oracle_.flushed(writer(0));
      return;
    case Step::kCommit: commit(0); return;
    case Step::kCompareAndSet: compare_and_set(); return;
    case Step::kRollOver:
      push(0, kWALMaxSize);
      push(0, kSmall);
      return;
    case Step::kReopen:
      close(0);
      open(0);
      return;
    case Step::kSecondCommit:
      if (!storages_[1]) open(1);
      commit(1);
      return;
  }
}

AtomPointer World::push(int place, std::size_t size) {
  std::string payload = make_payload(pushes_++, size);
  const AtomPointer pointer = storage(place)->push_bytes(as_bytes(payload), RecordFormat::kRaw);
  oracle_.pushed(writer(place), pointer, std::move(payload));
  return pointer;
}

/// Runs a commit that was begun and takes its answer in.
template <typename Call>
bool World::answered(Call call) {
  using State = Oracle::State;
  try {
    const bool accepted = call();
    oracle_.commit_ended(accepted ? State::kAcknowledged : State::kNotCommitted);
    return accepted;
  } catch (const OutcomeUnknownError&) {
    throw;  // it stays in flight
  } catch (const ProtoBaseError&) {
    oracle_.commit_ended(State::kNotCommitted);  // every other error says so (storage.h)
    throw;
  }
}

void World::commit(int place) {
  const AtomPointer root = push(place, kSmall);
  oracle_.commit_begins(writer(place), root);
  answered([&] {
    storage(place)->set_current_root(root);
    return true;
  });
}

void World::compare_and_set() {
  const AtomPointer root = push(0, kSmall);
  oracle_.commit_begins(writer(0), root);
  if (answered([&] { return storages_[0]->compare_and_set_root(root, root); })) {
    throw Violation("compare_and_set_root accepted a wrong expectation");
  }
  const auto expected = storages_[0]->read_current_root();
  oracle_.commit_begins(writer(0), root);
  if (!answered([&] { return storages_[0]->compare_and_set_root(expected, root); })) {
    throw Violation("compare_and_set_root refused the right expectation");
  }
}

void World::close(int place) {
  const std::unique_ptr<SharedStorage> storage =
      std::move(storages_[static_cast<std::size_t>(place)]);
  if (!storage) return;
  try {
    storage->close();
  } catch (const ProtoBaseError&) {
    oracle_.gone(writer(place));
    throw;
  }
  oracle_.flushed(writer(place));
}

void World::close_all() {
  try {
    close(0);
  } catch (const ProtoBaseError&) {
    close(1);
    throw;
  }
  close(1);
}

}  // namespace protobase::crash
