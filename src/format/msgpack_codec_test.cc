#include "format/msgpack_codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <string>

#include "format/msgpack_fast_decoder.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

using namespace std::string_literals;

std::string packed(const Atom& atom) {
  std::string out;
  encode_msgpack(atom, out);
  return out;
}

Atom unpacked(std::string_view payload) { return decode_msgpack(as_bytes(payload)); }

std::string error_of(std::string_view payload) {
  try {
    return "read as " + unpacked(payload).to_json();
  } catch (const ValidationError& error) {
    return error.what();
  }
}

TEST(MsgPack, IntegersTakeTheirSmallestForm) {
  const std::pair<Atom, std::string> cases[] = {
      {0, "\0"s},
      {127, "\x7F"},
      {128, "\xCC\x80"},
      {256, "\xCD\x01\0"s},
      {65536, "\xCE\0\x01\0\0"s},
      {std::int64_t{1} << 32, "\xCF\0\0\0\x01\0\0\0\0"s},
      {UINT64_MAX, "\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"},
      {-1, "\xFF"},
      {-32, "\xE0"},
      {-33, "\xD0\xDF"},
      {-129, "\xD1\xFF\x7F"},
      {-32769, "\xD2\xFF\xFF\x7F\xFF"},
      {INT64_MIN, "\xD3\x80\0\0\0\0\0\0\0"s}};
  for (const auto& [atom, payload] : cases) {
    EXPECT_EQ(packed(atom), payload) << atom;
    EXPECT_EQ(unpacked(payload), atom);
  }
}

TEST(MsgPack, IntegersBeyond64BitsAreRefusedNotRounded) {
  for (const char* text : {"18446744073709551616", "-9223372036854775809"}) {
    try {
      packed(Atom::integer(text));
      FAIL() << text;
    } catch (const ValidationError& error) {
      EXPECT_NE(std::string(error.what()).find("exceeds 64 bits; push it as JSON"),
                std::string::npos);
    }
  }
}

TEST(MsgPack, DoublesStayDoublesBitForBit) {
  EXPECT_EQ(packed(1.0), "\xCB\x3F\xF0\0\0\0\0\0\0"s) << "not the integer 1";
  for (const std::uint64_t bits :
       {UINT64_C(0), UINT64_C(0x8000000000000000), UINT64_C(1), UINT64_C(0x7FEFFFFFFFFFFFFF),
        UINT64_C(0x7FF0000000000000), UINT64_C(0xFFF0000000000000), UINT64_C(0x7FF8000000000000),
        UINT64_C(0x7FF0000000000001), UINT64_C(0xFFFFFFFFFFFFFFFF)}) {
    const Atom atom = std::bit_cast<double>(bits);
    EXPECT_EQ(unpacked(packed(atom)), atom) << std::hex << bits;
  }
}

TEST(MsgPack, LongerFormsAndFloat32AreReadExactly) {
  EXPECT_EQ(unpacked("\xCF\0\0\0\0\0\0\0\x05"s), 5);
  EXPECT_EQ(unpacked("\xD3\0\0\0\0\0\0\0\x05"s), 5);
  EXPECT_EQ(unpacked("\xD0\x05"), 5);
  EXPECT_EQ(unpacked("\xDB\0\0\0\x01x"s), "x");
  EXPECT_EQ(unpacked("\xD9\0"s), "");
  EXPECT_EQ(unpacked("\xC6\0\0\0\0"s), Bytes{});
  EXPECT_EQ(unpacked("\xDD\0\0\0\x01\xC0"s), Atom::array({nullptr}));
  EXPECT_EQ(unpacked("\xDF\0\0\0\x01\xA1k\xC3"s), Atom::object({{"k", true}}));
  EXPECT_EQ(unpacked("\xCA\x3D\xCC\xCC\xCD"), static_cast<double>(0.1f));
  EXPECT_EQ(unpacked("\xCA\0\0\0\x01"s),
            static_cast<double>(std::numeric_limits<float>::denorm_min()));
  EXPECT_EQ(unpacked("\xCA\xFF\x80\0\x01"s), std::bit_cast<double>(0xFFF0000020000000u))
      << "signalling";
}

TEST(MsgPack, StringsAreUTF8BytesAreBytes) {
  EXPECT_EQ(packed("caf\xC3\xA9"),
            "\xA5"
            "caf\xC3\xA9");
  EXPECT_EQ(packed(Bytes{std::byte{0xFF}}), "\xC4\x01\xFF");
  EXPECT_THROW(packed("\xFF"), ValidationError);
  EXPECT_THROW(packed(Atom::object({{"\xFF", 1}})), ValidationError);
  EXPECT_EQ(error_of("\xA1\xFF"), "MessagePack at byte 1: string is not valid UTF-8");
  EXPECT_NE(error_of("\x81\xA1\xFF\xC0").find("UTF-8"), std::string::npos);
}

TEST(MsgPack, WhatAnAtomHasNoKindForIsReadByConvention) {
  EXPECT_EQ(unpacked("\x82\x01\xA1"
                     "a\xA1k\x02"),
            Atom::object({{"$map", Atom::array({Atom::array({1, "a"}), Atom::array({"k", 2})})}}));
  EXPECT_EQ(
      unpacked("\x82\xA1k\x02\x91\xA1x\x90"),
      Atom::object({{"$map", Atom::array({Atom::array({"k", 2}),
                                          Atom::array({Atom::array({"x"}), Atom::array()})})}}));
  EXPECT_EQ(unpacked("\x81\x81\xA1k\x01\x02"),
            Atom::object({{"$map", Atom::array({Atom::array({Atom::object({{"k", 1}}), 2})})}}));
  EXPECT_EQ(unpacked("\xD4\xFE\x07"),
            Atom::object({{"$ext", Atom::array({-2, Bytes{std::byte{7}}})}}));
  EXPECT_EQ(unpacked("\xC7\0\x05"s), Atom::object({{"$ext", Atom::array({5, Bytes{}})}}));
  EXPECT_EQ(unpacked("\xD7\xFF\0\0\0\x14\0\0\0\x01"s),
            Atom::object({{"$timestamp", Atom::array({1, 5})}}));
  EXPECT_EQ(unpacked("\xD4\xFF\x07"),
            Atom::object({{"$ext", Atom::array({-1, Bytes{std::byte{7}}})}}))
      << "no valid timestamp: kept as it is";
}

TEST(MsgPack, TheFastDecoderReadsWhatWeWriteAndAgreesWithTheOther) {
  Atom all = Atom::object({{"null", nullptr}, {"bool", true}, {"false", false}, {"", 1.5}});
  for (std::size_t size : {0, 1, 3, 4, 7, 8, 9, 16, 31, 32, 255, 256, 1023, 1024, 1025, 70'000}) {
    const std::string name = std::to_string(size);
    all.set("text" + name, std::string(size, 'x'));
    all.set("utf8" + name, std::string(size, 'x') + "\xC3\xA9");
    all.set("bytes" + name, Bytes(size, std::byte{0xFF}));
    all.set("array" + name, Atom::array(Atom::Array(size, Atom(static_cast<int>(size)))));
    all.set(std::string(size, 'k'), -static_cast<std::int64_t>(size) * 70'000);
  }
  const std::string payload = packed(all);
  Atom fast;
  ASSERT_TRUE(try_decode_msgpack_fast(as_bytes(payload), fast));
  EXPECT_EQ(fast, all);
  EXPECT_EQ(parse_msgpack(as_bytes(payload)), all);
}

TEST(MsgPack, TheFastDecoderLeavesTheRestToTheOther) {
  for (const std::string& payload :
       {""s, "\xC1"s, "\xC0\xC0"s, "\xA1"s, "\xA1\xFF"s, "\xCA\0\0\0\0"s, "\xD4\x01\x01"s,
        "\x81\x01\x02"s, "\x92\x01"s, "\x82\xA1k\x01\xA1k\x02"s, "\xDD\xFF\xFF\xFF\xFF\x01"s,
        "\x92\xA2x"s, "\xDC\0"s, "\xCD\x01"s, std::string(kMaxAtomDepth + 1, '\x91') + "\xC0"}) {
    Atom atom;
    EXPECT_FALSE(try_decode_msgpack_fast(as_bytes(payload), atom))
        << testing::PrintToString(payload);
  }
}

TEST(MsgPack, DuplicateKeysAreRefused) {
  EXPECT_NE(error_of("\x82\xA1k\x01\xD9\x01k\x02").find("duplicate"), std::string::npos);
  EXPECT_NE(error_of("\x82\x01\x01\xCC\x01\x02").find("duplicate"), std::string::npos)
      << "1 in two forms";
  EXPECT_EQ(error_of("\x82\x01\x01\xCA\x3F\x80\0\0\x02"s).find("duplicate"), std::string::npos)
      << "1 and 1.0";
}

TEST(MsgPack, NothingMayBeMissingOrFollow) {
  const std::string payload = packed(Atom::object(
      {{"a", Atom::array({1, 300, 1.5, "text", Bytes(3), nullptr})}, {"b", Atom::object()}}));
  EXPECT_NO_THROW(unpacked(payload));
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_THROW(unpacked(payload.substr(0, size)), ValidationError) << size;
  }
  EXPECT_EQ(error_of("\xC0\xC0"), "MessagePack at byte 1: something follows the value");
  EXPECT_NE(error_of("\xC1").find("starts no value"), std::string::npos);
  EXPECT_NE(error_of("").find("ends inside"), std::string::npos);
}

TEST(MsgPack, HostileLengthsAllocateNothing) {
  for (const char* const head : {"\xDD", "\xDF", "\xDB", "\xC6", "\xC9"}) {
    EXPECT_TRUE(error_of(head + "\xFF\xFF\xFF\xFF"s).starts_with("MessagePack at byte")) << head;
    EXPECT_TRUE(error_of(head + "\x7F\xFF\xFF\xFF\x01"s).starts_with("MessagePack at byte"))
        << head;
  }
  std::string bomb;  // each array claims 2^31 elements
  for (int i = 0; i < 1000; ++i) bomb += "\xDD\x7F\xFF\xFF\xFF";
  EXPECT_NE(error_of(bomb).find("more values than bytes"), std::string::npos) << error_of(bomb);
}

TEST(MsgPack, DepthIsLimitedNeverAStackOverflow) {
  const auto nested = [](std::size_t levels) { return std::string(levels, '\x91') + "\xC0"; };
  const Atom deepest = unpacked(nested(kMaxAtomDepth));
  EXPECT_EQ(deepest.depth(), kMaxAtomDepth);
  EXPECT_EQ(packed(deepest), nested(kMaxAtomDepth));
  EXPECT_THROW(packed(Atom::array({deepest})), ValidationError);
  EXPECT_NE(error_of(nested(kMaxAtomDepth + 1)).find("deeper"), std::string::npos);
  EXPECT_NE(error_of(nested(1'000'000)).find("deeper"), std::string::npos);
  const std::string with_ext = std::string(kMaxAtomDepth - 1, '\x91') + "\xD4\x01\x01";
  EXPECT_NE(error_of(with_ext).find("deeper"), std::string::npos) << "$ext adds two levels";
}

}  // namespace
}  // namespace protobase::format
