// What encoders write into: everything arrives once and in order, whatever its size.
#include "format/output_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace protobase::format {
namespace {

std::string text_of(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
  return text;
}

TEST(OutputBuffer, KeepsOrderOverItsOwnSize) {
  std::string out = "before";
  std::string expected = out;
  OutputBuffer buffer(out);
  for (const std::size_t size :
       {0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 500, 1023, 1024, 1025, 5000, 1}) {
    buffer.put(text_of(size));
    expected += text_of(size);
  }
  buffer.put("last");
  buffer.finish();
  EXPECT_EQ(out, expected + "last");
}

TEST(OutputBuffer, GoesOnWhereTheCallerIs) {
  std::string out = "before";
  std::string expected = out;
  OutputBuffer buffer(out);
  char* at = buffer.begin();
  for (const std::size_t size : {0, 1, 255, 256, 257, 5000, 1}) {
    const std::string text = text_of(size);
    at = buffer.room(at, size);
    at = std::copy(text.begin(), text.end(), at);
    expected += text;
  }
  at = buffer.append_with(at, [](std::string& string) { string += "appended"; });
  at = buffer.room(at, 1);
  *at = '|';
  buffer.finish(at + 1);
  EXPECT_EQ(out, expected + "appended|");
}

TEST(OutputBuffer, CopyLookingShowsEveryByte) {
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t marked = 0; marked < size; ++marked) {
      std::string text = text_of(size);
      text[marked] = '\xFF';
      std::string copy(size, ' ');
      std::uint64_t seen = 0;
      copy_looking(text, copy.data(), [&seen](std::uint64_t word) { seen |= word; });
      EXPECT_EQ(copy, text);
      EXPECT_NE(seen & 0x8080808080808080u, 0u) << marked << " of " << size;
    }
  }
}

}  // namespace
}  // namespace protobase::format
