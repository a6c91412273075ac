// Bytes that lie in several places, taken as one text: what goes out without being copied together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace protobase::base {

using ByteSpans = std::span<const std::span<const std::byte>>;

inline std::uint64_t total_size(ByteSpans spans) noexcept {
  std::uint64_t size = 0;
  for (const auto span : spans) size += span.size();
  return size;
}

/// `length` bytes at `offset`, or as many as there are.
std::vector<std::span<const std::byte>> cut_spans(ByteSpans spans, std::uint64_t offset,
                                                  std::uint64_t length);

}  // namespace protobase::base
