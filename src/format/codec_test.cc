// Any atom survives both codecs exactly.
#include "format/codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "base/utf8.h"
#include "format/json_exact_parser.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

constexpr std::uint64_t kSeed = 20240607;

Atom through(const Atom& atom, RecordFormat format) {
  std::string payload;
  encode(atom, format, payload);
  return decode(as_bytes(payload), format, JSONDialect::kVersion1);
}

/// Random atoms with a taste for the corners.
class RandomAtoms {
 public:
  RandomAtoms(std::uint64_t seed, RecordFormat format) : random_(seed), format_(format) {}

  Atom next(int levels = 5) {
    switch (below(levels > 0 ? 10 : 7)) {
      case 0: return nullptr;
      case 1: return below(2) == 0;
      case 2: return integer();
      case 3: return real();
      case 4: return bytes();
      case 5:
      case 6: return text();
      case 7: return array(levels);
      default: return object(levels);
    }
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  Atom integer() {
    const auto bits = random_() >> below(64);
    switch (below(4)) {
      case 0: return bits;
      case 1: return static_cast<std::int64_t>(bits);
      case 2: return static_cast<std::int64_t>(0 - bits);
      default: break;
    }
    if (format_ == RecordFormat::kMsgPack) return UINT64_MAX - below(3);
    std::string digits = below(2) == 0 ? "-" : "";
    for (std::uint64_t i = 1 + below(60); i > 0; --i) digits += static_cast<char>('0' + below(10));
    return Atom::integer(digits);
  }

  Atom real() {
    const auto value = std::bit_cast<double>(below(3) == 0 ? random_() >> below(64) : random_());
    if (below(4) == 0) return static_cast<double>(below(1000)) * (below(2) == 0 ? -1.0 : 1.0);
    return format_ == RecordFormat::kJSON && !std::isfinite(value) ? Atom(-0.0) : Atom(value);
  }

  Atom bytes() {
    Bytes bytes(below(20));
    for (std::byte& b : bytes) b = static_cast<std::byte>(random_() & 0xFF);
    return bytes;
  }

  std::string text() {
    std::string text;
    for (std::uint64_t i = below(12); i > 0; --i) {
      auto code_point = static_cast<char32_t>(below(4) == 0 ? below(0x110000) : below(0x100));
      if (code_point >= 0xD800 && code_point < 0xE000) code_point = U'"';
      base::append_utf8(code_point, text);
    }
    return text;
  }

  Atom array(int levels) {
    Atom::Array elements;
    for (std::uint64_t i = below(6); i > 0; --i) elements.push_back(next(levels - 1));
    return Atom::array(std::move(elements));
  }

  Atom object(int levels) {
    Atom object = Atom::object();
    for (std::uint64_t i = below(6); i > 0; --i) {
      const bool convention = below(5) == 0;
      std::string key = convention ? std::string(1 + below(3), '$') + "bytes" : text();
      object.set(std::move(key), next(levels - 1));
    }
    return object;
  }

  std::mt19937_64 random_;
  RecordFormat format_;
};

class EveryFormat : public testing::TestWithParam<RecordFormat> {};

TEST_P(EveryFormat, RandomAtomsSurviveExactly) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  RandomAtoms atoms(kSeed, GetParam());
  for (int i = 0; i < 20'000; ++i) {
    const Atom atom = atoms.next();
    ASSERT_EQ(through(atom, GetParam()), atom) << "atom number " << i;
  }
}

TEST_P(EveryFormat, DoublesOfEveryBitPatternSurviveExactly) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937_64 random(kSeed);
  using Limits = std::numeric_limits<double>;
  std::vector<double> values{0.0,
                             -0.0,
                             Limits::min(),
                             Limits::denorm_min(),
                             Limits::max(),
                             Limits::lowest(),
                             1.0,
                             0.1,
                             9007199254740993.0,
                             1e22,
                             1e23,
                             std::nextafter(Limits::min(), 0.0)};
  for (int exponent = -1074; exponent < 1024; ++exponent)
    values.push_back(std::ldexp(1.0, exponent));
  for (int i = 0; i < 50'000; ++i) values.push_back(std::bit_cast<double>(random()));
  for (const double value : values) {
    if (GetParam() == RecordFormat::kJSON && !std::isfinite(value)) continue;
    const Atom atom = value;
    ASSERT_EQ(through(atom, GetParam()), atom) << std::hex << std::bit_cast<std::uint64_t>(value);
  }
}

TEST_P(EveryFormat, AllOfUnicodeSurvives) {
  std::string all;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c < 0xD800 || c >= 0xE000) base::append_utf8(c, all);
  }
  const Atom atom = Atom::object({{all, all}});
  EXPECT_EQ(through(atom, GetParam()), atom);
}

TEST_P(EveryFormat, EncodingAppends) {
  std::string out = "before";
  encode(1, GetParam(), out);
  EXPECT_EQ(out.substr(0, 6), "before");
  EXPECT_EQ(out.size(), 7u);
}

INSTANTIATE_TEST_SUITE_P(Codec, EveryFormat,
                         testing::Values(RecordFormat::kJSON, RecordFormat::kMsgPack),
                         [](const auto& test) { return std::string(to_text(test.param)); });

TEST(Codec, TheExactParserReadsWhatIsWrittenToo) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  RandomAtoms atoms(kSeed + 1, RecordFormat::kJSON);
  for (int i = 0; i < 5'000; ++i) {
    const Atom atom = atoms.next();
    ASSERT_EQ(parse_json_exact(atom.to_json(), JSONDialect::kVersion1), atom)
        << "atom number " << i;
  }
}

TEST(Codec, RandomDamageIsFoundOrReadAsSomethingElseNeverACrash) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937_64 random(kSeed);
  int refused = 0;
  for (const RecordFormat format : {RecordFormat::kJSON, RecordFormat::kMsgPack}) {
    RandomAtoms atoms(kSeed + 2, format);
    for (int i = 0; i < 5'000; ++i) {
      std::string payload;
      encode(atoms.next(), format, payload);
      payload[random() % payload.size()] = static_cast<char>(random());
      try {
        decode(as_bytes(payload), format, JSONDialect::kVersion1);
      } catch (const ValidationError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 1'000);
}

TEST(Codec, RawRecordsAreNoAtoms) {
  std::string out;
  EXPECT_THROW(encode(1, RecordFormat::kRaw, out), ValidationError);
  try {
    decode({}, RecordFormat::kRaw, JSONDialect::kVersion1);
    FAIL();
  } catch (const ValidationError& error) {
    EXPECT_NE(std::string(error.what()).find("get_bytes"), std::string::npos);
  }
  EXPECT_THROW(decode({}, static_cast<RecordFormat>(9), JSONDialect::kVersion1), ValidationError);
}

}  // namespace
}  // namespace protobase::format
