#include "protobase/nlohmann_json.h"

#include <gtest/gtest.h>

#include <limits>

namespace protobase {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

TEST(NlohmannJSON, WhatBothSidesHaveGoesThereAndBack) {
  const Atom atom =
      Atom::object({{"z", Atom::array({nullptr, true, -1, UINT64_MAX, 1.0, "caf\xC3\xA9"})},
                    {"a", Atom::object({{"bytes", Bytes{std::byte{0xFF}}}})},
                    {"empty", Atom::array()},
                    {"inf", std::numeric_limits<double>::infinity()}});
  const ordered_json there = to_nlohmann(atom);
  EXPECT_EQ(there.begin().key(), "z") << "order is kept";
  EXPECT_TRUE(there["z"][4].is_number_float()) << "1.0 is no integer";
  EXPECT_TRUE(there["a"]["bytes"].is_binary());
  EXPECT_EQ(from_nlohmann(there), atom);
}

TEST(NlohmannJSON, PlainJSONComesWithSortedKeys) {
  EXPECT_EQ(from_nlohmann(json::parse(R"({"b": [1, 2.0], "a": "x"})")),
            Atom::object({{"a", "x"}, {"b", Atom::array({1, 2.0})}}));
}

TEST(NlohmannJSON, WhatOneSideCannotHoldIsRefused) {
  EXPECT_THROW(to_nlohmann(Atom::integer("18446744073709551616")), ValidationError);
  EXPECT_THROW(from_nlohmann(json::binary({1, 2}, 7)), ValidationError);
  EXPECT_THROW(from_nlohmann(json(json::value_t::discarded)), ValidationError);
}

TEST(NlohmannJSON, DepthIsLimited) {
  Atom atom;
  json there;
  for (std::size_t i = 0; i < kMaxAtomDepth; ++i) {
    atom = Atom::array({std::move(atom)});
    there = json::array({std::move(there)});
  }
  EXPECT_EQ(from_nlohmann(to_nlohmann(atom)), atom);
  EXPECT_EQ(from_nlohmann(there), atom);
  EXPECT_THROW(to_nlohmann(Atom::array({atom})), ValidationError);
  EXPECT_THROW(from_nlohmann(json::array({there})), ValidationError);
}

}  // namespace
}  // namespace protobase
