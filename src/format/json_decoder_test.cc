// The language of JSON payloads. Every case runs through decode_json and through the exact parser
// alone, and both must say the same.
#include "format/json_decoder.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <string>

#include "format/json_exact_parser.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

using namespace std::string_literals;

Atom read(std::string_view text, JSONDialect dialect = JSONDialect::kVersion1) {
  const Atom exact = parse_json_exact(text, dialect);
  EXPECT_EQ(decode_json(text, dialect), exact) << text;
  const std::optional<Atom> fast = try_decode_json_fast(text, dialect);
  if (fast) {
    EXPECT_EQ(*fast, exact) << text;
  }
  return exact;
}

std::string error_of(std::string_view text, JSONDialect dialect = JSONDialect::kVersion1) {
  EXPECT_EQ(try_decode_json_fast(text, dialect), std::nullopt) << text;
  EXPECT_THROW(parse_json_exact(text, dialect), ValidationError) << text;
  try {
    return "read as " + decode_json(text, dialect).to_json();
  } catch (const ValidationError& error) {
    return error.what();
  }
}

TEST(JSONDecoder, ReadsWhatPeopleStore) {
  EXPECT_EQ(read(" {\"b\" : [1, true, null, {}], \"a\":\t\"x\"}\r\n"),
            Atom::object({{"b", Atom::array({1, true, nullptr, Atom::object()})}, {"a", "x"}}));
  EXPECT_EQ(read("[]"), Atom::array());
  EXPECT_EQ(read("false"), false);
  EXPECT_EQ(read("\"\""), "");
}

TEST(JSONDecoder, TheCommonCaseTakesTheFastWay) {
  EXPECT_TRUE(
      try_decode_json_fast(R"({"alpha_3":"aab","name":"Alumu-Tesu"})", JSONDialect::kVersion1));
  EXPECT_TRUE(
      try_decode_json_fast(R"(["\u00e9", 1.5, 18446744073709551615])", JSONDialect::kLegacy));
  EXPECT_TRUE(try_decode_json_fast('"' + std::string(1 << 20, 'x') + '"', JSONDialect::kLegacy));
}

TEST(JSONDecoder, IntegersOfAnySizeStayExact) {
  EXPECT_EQ(read("-0"), 0);
  EXPECT_EQ(read("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(read("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(read("9223372036854775808"), std::uint64_t{1} << 63);
  EXPECT_EQ(read("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(read("18446744073709551616"), Atom::integer("18446744073709551616"));
  EXPECT_EQ(read("-9223372036854775809"), Atom::integer("-9223372036854775809"));
  EXPECT_EQ(read("[340282366920938463463374607431768211455]").at(0).integer_text(),
            "340282366920938463463374607431768211455");
  EXPECT_NO_THROW(read(std::string(kMaxIntegerDigits, '9')));
  EXPECT_NE(error_of(std::string(kMaxIntegerDigits + 1, '9')).find("digits"), std::string::npos);
}

TEST(JSONDecoder, NumbersWithPointOrExponentAreDoubles) {
  EXPECT_EQ(read("1.0"), 1.0);
  EXPECT_EQ(read("-0.0"), -0.0);
  EXPECT_EQ(read("1e2"), 100.0);
  EXPECT_EQ(read("1E+2"), 100.0);
  EXPECT_EQ(read("-0e5"), -0.0);
  EXPECT_EQ(read("123456789012345680.0"), 123456789012345680.0);
  EXPECT_EQ(read("2.2250738585072014e-308"), std::numeric_limits<double>::min());
  EXPECT_EQ(read("4.9406564584124654e-324"), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(read("2.2250738585072011e-308"), std::bit_cast<double>(0x000FFFFFFFFFFFFFu));
  EXPECT_EQ(read("9007199254740993.0"), 9007199254740992.0) << "halfway goes to even";
  EXPECT_EQ(read("9007199254740993.00000000000000000000000000000000001"), 9007199254740994.0);
}

TEST(JSONDecoder, WhatIsTooSmallBecomesZeroWhatIsTooLargeIsRefused) {
  EXPECT_EQ(read("1e-400"), 0.0);
  EXPECT_EQ(read("-1e-400"), -0.0);
  EXPECT_EQ(read("0." + std::string(400, '0') + "1"), 0.0);
  EXPECT_EQ(read("0." + std::string(400, '0') + "1e5"), 0.0);
  EXPECT_EQ(read("0." + std::string(400, '0') + "1e401"), 1.0);
  EXPECT_EQ(read("0.0e99999999999999999999"), 0.0);
  EXPECT_EQ(read("1.7976931348623158e308"), std::numeric_limits<double>::max());
  for (const char* text :
       {"1e999", "-1e999", "1.7976931348623159e308", "1e99999999999999999999", "0.1e400"}) {
    EXPECT_NE(error_of(text).find("range"), std::string::npos) << text;
  }
  EXPECT_NE(error_of(std::string(400, '1') + ".0").find("range"), std::string::npos);
  EXPECT_NE(error_of("0." + std::string(50, '0') + "1e999").find("range"), std::string::npos);
}

TEST(JSONDecoder, NonFiniteNumbersAreRead) {
  const Atom atom = read("[NaN, Infinity, -Infinity]");
  EXPECT_EQ(atom, Atom::array({std::bit_cast<double>(0x7FF8000000000000u),
                               std::numeric_limits<double>::infinity(),
                               -std::numeric_limits<double>::infinity()}));
}

TEST(JSONDecoder, StringsWithEveryEscape) {
  EXPECT_EQ(read(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\uD7FF\uE000\uFFFF")"),
            "\"\\/\b\f\n\r\tA\xC3\xA9\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF");
  EXPECT_EQ(read(R"("a\u0000b")"), std::string_view("a\0b", 3));
  EXPECT_EQ(read(R"("\ud83d\ude00")"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(read(R"({"\uD800\uDC00":1})").members()[0].key, "\xF0\x90\x80\x80");
  EXPECT_EQ(read(R"("\\ud800")"), "\\ud800") << "an escaped backslash, no surrogate";
  EXPECT_EQ(read("\"\x7F\xF4\x8F\xBF\xBF\""), "\x7F\xF4\x8F\xBF\xBF");
}

TEST(JSONDecoder, LoneSurrogatesAreRefusedAndTheErrorSaysWhatStillWorks) {
  for (const char* text :
       {R"("\ud800")", R"("\udc00")", R"("\udc00\ud800")", R"("\ud800\u0041")", R"("\ud800x")",
        R"("\uD800\n")", R"({"\udfff":1})", R"("\ud800\ud800")"}) {
    const std::string error = error_of(text);
    EXPECT_NE(error.find("surrogate"), std::string::npos) << text << error;
    EXPECT_NE(error.find("get_bytes"), std::string::npos) << text << error;
  }
}

const std::string kNoJSON[] = {"",
                               " ",
                               "nul",
                               "nulll",
                               "tru",
                               "True",
                               "nan",
                               "Nan",
                               "inf",
                               "+Infinity",
                               "--1",
                               "-",
                               "+1",
                               "01",
                               "-01",
                               "1.",
                               ".5",
                               "1.e5",
                               "1e",
                               "1e+",
                               "0x10",
                               "1 2",
                               "[1,]",
                               "[,1]",
                               "[1 2]",
                               "[",
                               "]",
                               "[1",
                               "{",
                               "{}}",
                               "}",
                               "{\"a\"}",
                               "{\"a\":}",
                               "{\"a\":1,}",
                               "{,}",
                               "{a:1}",
                               "{'a':1}",
                               "{1:2}",
                               "\"",
                               "\"a",
                               "\"\\",
                               "\"\\x\"",
                               "\"\\u12\"",
                               "\"\\u12G4\"",
                               "\"\\u-123\"",
                               "\"\n\"",
                               "\"\t\"",
                               "\"\0\""s,
                               "\0"s,
                               "1\0"s,
                               "[1]\0"s,
                               "//\n1",
                               "\xEF\xBB\xBF{}",
                               "\"\xFF\"",
                               "\"\xC0\x80\"",
                               "\"\xED\xA0\x80\"",
                               "\xC3\xA9",
                               "1\v",
                               "\f1",
                               "NaN1",
                               "-Inf",
                               "- Infinity",
                               "1_000",
                               "\"\xE2\x82",
                               "1e5.5",
                               "1.5.5",
                               "\u00A0"
                               "1"};

TEST(JSONDecoder, WhatIsNoJSONIsRefused) {
  for (const std::string& text : kNoJSON) {
    EXPECT_TRUE(error_of(text).starts_with("JSON at byte "))
        << '\'' << text << "' " << error_of(text);
  }
}

TEST(JSONDecoder, ErrorsSayWhere) {
  EXPECT_EQ(error_of("[1, x]"), "JSON at byte 4: no value");
  EXPECT_EQ(error_of("[1, 2"), "JSON at byte 5: expected ',' or ']'");
  EXPECT_EQ(error_of("{\"a\": 1} x"), "JSON at byte 9: something follows the value");
  EXPECT_EQ(error_of("\"ab\xFF\""), "JSON at byte 3: invalid UTF-8");
  EXPECT_EQ(error_of("[ {\"a\":1,\"a\":2}]"), "JSON at byte 2: duplicate key in object: 'a'");
}

TEST(JSONDecoder, DuplicateKeysAreRefusedInEverySize) {
  EXPECT_NE(error_of(R"({"a":1,"\u0061":2})").find("duplicate"), std::string::npos);
  std::string many = "{";
  for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_NO_THROW(read(many + "\"k\":0}"));
  EXPECT_NE(error_of(many + "\"k50\":0}").find("duplicate"), std::string::npos);
  EXPECT_NE(error_of(R"({"$bytes":"AA==","$bytes":"AA=="})").find("duplicate"), std::string::npos);
}

TEST(JSONDecoder, BytesOfVersion1) {
  const Bytes zero{std::byte{0}};
  EXPECT_EQ(read(R"({"$bytes":"AA=="})"), zero);
  EXPECT_EQ(read(R"([{"$bytes":""}])"), Atom::array({Bytes{}}));
  EXPECT_EQ(read(R"({"$bytes":"AB=="})"), Atom::object({{"$bytes", "AB=="}})) << "not canonical";
  EXPECT_EQ(read(R"({"$bytes":1})"), Atom::object({{"$bytes", 1}}));
  EXPECT_EQ(read(R"({"$$bytes":"AA=="})"), Atom::object({{"$bytes", "AA=="}}));
  EXPECT_EQ(read(R"({"$$$bytes":{"$$bytes":2}})"),
            Atom::object({{"$$bytes", Atom::object({{"$bytes", 2}})}}));
  EXPECT_EQ(read(R"({"$bytes":"AA==","k":1})"), Atom::object({{"$bytes", "AA=="}, {"k", 1}}));
}

TEST(JSONDecoder, TheLegacyDialectKnowsNoBytes) {
  EXPECT_EQ(read(R"({"$bytes":"AA=="})", JSONDialect::kLegacy), Atom::object({{"$bytes", "AA=="}}));
  EXPECT_EQ(read(R"({"$$bytes":1})", JSONDialect::kLegacy), Atom::object({{"$$bytes", 1}}));
}

std::string nested(std::size_t levels, const std::string& open, const std::string& inner,
                   const std::string& close) {
  std::string text;
  for (std::size_t i = 0; i < levels; ++i) text += open;
  text += inner;
  for (std::size_t i = 0; i < levels; ++i) text += close;
  return text;
}

TEST(JSONDecoder, DepthIsLimitedNeverAStackOverflow) {
  for (const JSONDialect dialect : {JSONDialect::kVersion1, JSONDialect::kLegacy}) {
    EXPECT_EQ(read(nested(kMaxAtomDepth, "[", "", "]"), dialect).depth(), kMaxAtomDepth);
    EXPECT_EQ(read(nested(kMaxAtomDepth, "{\"k\":", "0", "}"), dialect).depth(), kMaxAtomDepth);
    for (const std::size_t levels :
         {kMaxAtomDepth + 1, kMaxAtomDepth + 2, std::size_t{1'000'000}}) {
      EXPECT_NE(error_of(nested(levels, "[", "", "]"), dialect).find("deeper"), std::string::npos);
      EXPECT_NE(error_of(nested(levels, "{\"k\":", "0", "}"), dialect).find("deeper"),
                std::string::npos);
      EXPECT_NE(error_of(std::string(levels, '['), dialect).find("deeper"), std::string::npos);
    }
  }
}

TEST(JSONDecoder, BytesMayStandOnTheDeepestLevel) {
  const std::string text = nested(kMaxAtomDepth, "[", R"({"$bytes":"AA=="})", "]");
  EXPECT_EQ(read(text).depth(), kMaxAtomDepth);
  EXPECT_NE(error_of(text, JSONDialect::kLegacy).find("deeper"), std::string::npos);
  const std::string object = nested(kMaxAtomDepth, "[", R"({"$$bytes":"AA=="})", "]");
  EXPECT_NE(error_of(object).find("deeper"), std::string::npos);
}

TEST(JSONDecoder, EveryByteThatIsCutOffIsMissed) {
  const std::string text =
      R"({"a": [1.5e3, "\u00e9\n", {"b": null}, true, 123456789012345678901234567890]})";
  EXPECT_NO_THROW(read(text));
  for (std::size_t size = 0; size < text.size(); ++size) error_of(text.substr(0, size));
}

}  // namespace
}  // namespace protobase::format
