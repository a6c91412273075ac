// prepare_record(): a large payload copied and hashed in parts.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include "format/record.h"
#include "wal/log_buffer.h"

namespace protobase::wal {
namespace {

TEST(PreparedRecordTest, AnySizeIsCopiedAndHashedWhole) {
  constexpr std::size_t kKiB = 1024;
  os::SpareMemory spare(std::size_t{1} << 20);
  for (const std::size_t around : {128 * kKiB, 256 * kKiB, 512 * kKiB, 600 * kKiB}) {
    for (const std::size_t size : {around - 17, around - 16, around - 1, around, around + 1}) {
      std::vector<std::byte> payload(size);
      for (std::size_t i = 0; i < size; ++i)
        payload[i] = static_cast<std::byte>(i * 2654435761u >> 13);
      const PreparedRecord record = prepare_record(payload, spare);
      EXPECT_EQ(record.payload_size, size);
      EXPECT_EQ(record.payload_hash, format::hash_payload(payload)) << size;
      EXPECT_EQ(std::memcmp(record.memory.get() + format::kRecordHeaderSize, payload.data(), size),
                0)
          << size;
    }
  }
}

}  // namespace
}  // namespace protobase::wal
