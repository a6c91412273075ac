#include "format/json_encoder.h"

#include <gtest/gtest.h>

#include <limits>

#include "protobase/errors.h"

namespace protobase::format {
namespace {

std::string stored(const Atom& atom) {
  std::string out;
  encode_json(atom, NonFinite::kRefuse, out);
  return out;
}

std::string error_of(const Atom& atom) {
  try {
    stored(atom);
  } catch (const ValidationError& error) {
    return error.what();
  }
  return "no ValidationError";
}

TEST(JSONEncoder, WritesCompactTextInTheGivenOrder) {
  EXPECT_EQ(stored(Atom::object(
                {{"b", Atom::array({1, true, nullptr})}, {"a", Atom::object()}, {"", "x"}})),
            R"({"b":[1,true,null],"a":{},"":"x"})");
  EXPECT_EQ(stored(Atom::array()), "[]");
  EXPECT_EQ(stored(UINT64_MAX), "18446744073709551615");
  EXPECT_EQ(stored(INT64_MIN), "-9223372036854775808");
  EXPECT_EQ(stored(Atom::integer("-18446744073709551616")), "-18446744073709551616");
}

TEST(JSONEncoder, FindsWhatIsSpecialAnywhereInStringsOfAnyLength) {
  const std::pair<std::string, std::string> specials[] = {
      {"x", "x"},    {"\"", "\\\""},   {"\\", "\\\\"},           {"\x1F", "\\u001f"},
      {"\n", "\\n"}, {"\x7F", "\x7F"}, {"\xC3\xA9", "\xC3\xA9"}, {"\xFF", ""}};
  for (std::size_t size = 0; size < 70; ++size) {
    for (std::size_t at = 0; at <= size; ++at) {
      for (const auto& [special, written] : specials) {
        const std::string before(at, 'b'), after(size - at, 'a');
        const Atom atom = Atom::object({{before + special + after, before + special + after}});
        if (written.empty()) {
          EXPECT_NE(error_of(atom).find("UTF-8 at its byte " + std::to_string(at)),
                    std::string::npos);
          continue;
        }
        const std::string expected = '"' + before + written + after + '"';
        EXPECT_EQ(stored(atom), '{' + expected + ':' + expected + '}');
      }
    }
  }
}

TEST(JSONEncoder, DoublesShowThatTheyAreDoubles) {
  const std::pair<double, const char*> cases[] = {
      {1.0, "1.0"},
      {-0.0, "-0.0"},
      {0.1, "0.1"},
      {100000.0, "100000.0"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {1e300, "1e+300"},
      {0.0001, "0.0001"},
      {1e-5, "1e-05"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(stored(value), text);
}

TEST(JSONEncoder, NonFiniteDoublesAreForPeopleOnly) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {infinity, -infinity, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_NE(error_of(Atom::array({value})).find("push_atom_msgpack"), std::string::npos);
  }
  EXPECT_EQ(Atom::array({infinity, -infinity}).to_json(), "[Infinity,-Infinity]");
}

TEST(JSONEncoder, EscapesOnlyWhatMustBe) {
  EXPECT_EQ(stored(std::string_view("\0\x01\x1f\x7f", 4)), "\"\\u0000\\u0001\\u001f\x7f\"");
  EXPECT_EQ(stored("\b\t\n\f\r\"\\/"), R"("\b\t\n\f\r\"\\/")");
  EXPECT_EQ(stored("caf\xC3\xA9 \xF0\x9F\x98\x80 \xE2\x80\xA8"),
            "\"caf\xC3\xA9 \xF0\x9F\x98\x80 \xE2\x80\xA8\"");
}

TEST(JSONEncoder, FindsWhatNeedsAnEscapeAtEveryPlaceOfALongText) {
  for (std::size_t at = 0; at < 40; ++at) {
    std::string text(40, 'x');
    text[at] = '"';
    std::string expected = text;
    expected.insert(at, 1, '\\');
    ASSERT_EQ(stored(text), '"' + expected + '"');
    text[at] = '\xFF';
    ASSERT_NE(error_of(text).find("byte " + std::to_string(at)), std::string::npos)
        << error_of(text);
  }
}

TEST(JSONEncoder, InvalidUTF8IsRefusedInKeysToo) {
  EXPECT_NE(error_of("\xED\xA0\x80").find("UTF-8"), std::string::npos);
  EXPECT_NE(error_of(Atom::object({{"\xFF", 1}})).find("UTF-8"), std::string::npos);
}

TEST(JSONEncoder, BytesAndWhatLooksLikeThemStayApart) {
  EXPECT_EQ(stored(Bytes{std::byte{0xFF}, std::byte{0}}), R"({"$bytes":"/wA="})");
  EXPECT_EQ(stored(Bytes{}), R"({"$bytes":""})");
  EXPECT_EQ(stored(Atom::object({{"$bytes", "AA=="}})), R"({"$$bytes":"AA=="})");
  EXPECT_EQ(stored(Atom::object({{"$$bytes", 1}})), R"({"$$$bytes":1})");
  EXPECT_EQ(stored(Atom::object({{"bytes", 1}})), R"({"bytes":1})");
  EXPECT_EQ(stored(Atom::object({{"x$bytes", 1}})), R"({"x$bytes":1})");
  EXPECT_EQ(stored(Atom::object({{"$bytes", 1}, {"k", 2}})), R"({"$bytes":1,"k":2})");
}

TEST(JSONEncoder, DepthIsLimited) {
  Atom atom = Bytes{std::byte{1}};
  for (std::size_t i = 0; i < kMaxAtomDepth; ++i) atom = Atom::array({std::move(atom)});
  EXPECT_NO_THROW(stored(atom));
  EXPECT_NE(error_of(Atom::array({atom})).find("1024"), std::string::npos);
}

}  // namespace
}  // namespace protobase::format
