#include "base/byte_spans.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "protobase/shared_bytes.h"

namespace protobase::base {
namespace {

std::string text_of(ByteSpans spans) {
  std::string text;
  for (const auto span : spans)
    text.append(reinterpret_cast<const char*>(span.data()), span.size());
  return text;
}

TEST(ByteSpans, EveryCutIsWhatOneTextWouldGive) {
  const std::array<std::span<const std::byte>, 4> spans{as_bytes("ab"), as_bytes(""),
                                                        as_bytes("cdef"), as_bytes("g")};
  const std::string whole = "abcdefg";
  EXPECT_EQ(total_size(spans), whole.size());
  for (std::size_t offset = 0; offset <= whole.size() + 1; ++offset) {
    for (std::size_t length = 0; length <= whole.size() + 1; ++length) {
      const auto cut = cut_spans(spans, offset, length);
      const std::string wanted = offset < whole.size() ? whole.substr(offset, length) : "";
      EXPECT_EQ(text_of(cut), wanted) << offset << ", " << length;
      for (const auto span : cut) EXPECT_FALSE(span.empty());
    }
  }
}

}  // namespace
}  // namespace protobase::base
