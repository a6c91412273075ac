#include "engine/mapped_wals.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "testing/forwarding_block_provider.h"

namespace protobase::engine {
namespace {

/// Says that it maps, but has only WALs that cannot be mapped; counts how often it was asked.
class CountingProvider final : public testing::ForwardingBlockProvider {
 public:
  CountingProvider() : ForwardingBlockProvider(nullptr) {}  // nothing else is called
  bool can_map() const noexcept override { return true; }
  SharedBytes map(const UUID&) override {
    ++maps;
    return {};
  }
  std::size_t maps = 0;
};

AtomPointer pointer_into(std::size_t wal) {
  AtomPointer pointer{{}, kWALFirstRecordOffset};
  pointer.transaction_id.bytes[14] = static_cast<std::uint8_t>(wal >> 8);
  pointer.transaction_id.bytes[15] = static_cast<std::uint8_t>(wal);
  return pointer;
}

TEST(MappedWALsTest, SoManyAreMappedOnceEachAndNoneBeyond) {
  CountingProvider provider;
  MappedWALs mapped(provider, /*verify_once=*/false);
  for (int again = 0; again < 2; ++again) {
    for (std::size_t wal = 0; wal < MappedWALs::kMaxWALs + 100; ++wal) {
      ASSERT_FALSE(mapped.find(pointer_into(wal)));
      ASSERT_EQ(provider.maps,
                again == 1 ? MappedWALs::kMaxWALs : std::min(wal + 1, MappedWALs::kMaxWALs));
    }
  }
}

}  // namespace
}  // namespace protobase::engine
