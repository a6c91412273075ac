// How a record's payload is to be read; the format byte on disk.
#pragma once

#include <cstdint>
#include <string_view>

namespace protobase {

/// Values are those of the disk format, old and new.
enum class RecordFormat : std::uint8_t {
  kRaw = 0x00,      ///< bytes that are nobody's business
  kJSON = 0x01,     ///< one JSON text, UTF-8
  kMsgPack = 0x02,  ///< one MessagePack object
};

/// "raw", "json", "msgpack".
constexpr std::string_view to_text(RecordFormat format) noexcept {
  switch (format) {
    case RecordFormat::kRaw: return "raw";
    case RecordFormat::kJSON: return "json";
    case RecordFormat::kMsgPack: return "msgpack";
  }
  return "unknown";
}

}  // namespace protobase
