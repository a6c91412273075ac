#include "base/byte_spans.h"

#include <algorithm>

namespace protobase::base {

std::vector<std::span<const std::byte>> cut_spans(ByteSpans spans, std::uint64_t offset,
                                                  std::uint64_t length) {
  std::vector<std::span<const std::byte>> result;
  for (const auto span : spans) {
    if (length == 0) break;
    if (offset >= span.size()) {
      offset -= span.size();
      continue;
    }
    const auto rest = span.subspan(offset);
    result.push_back(rest.first(std::min<std::uint64_t>(rest.size(), length)));
    length -= result.back().size();
    offset = 0;
  }
  return result;
}

}  // namespace protobase::base
