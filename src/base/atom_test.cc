#include "protobase/atom.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <sstream>
#include <type_traits>

#include "protobase/errors.h"

namespace protobase {
namespace {

template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const ValidationError& error) {
    return error.what();
  }
  return "no ValidationError";
}

/// [[[...[]...]]], one element each, built by moves.
Atom nested_arrays(std::size_t levels) {
  Atom atom = Atom::array();
  for (std::size_t i = 1; i < levels; ++i) {
    Atom::Array outer;
    outer.push_back(std::move(atom));
    atom = Atom::array(std::move(outer));
  }
  return atom;
}

/// Alternating objects and arrays with scalars and containers before and after the deep child.
Atom nested_bushes(std::size_t levels) {
  Atom atom = "leaf";
  for (std::size_t i = 0; i < levels; ++i) {
    Atom outer;
    if (i % 2 == 0) {
      outer.set("first", Atom::array({i}));
      outer.set("deep", std::move(atom));
      outer.set("last", Atom::array({Atom::array({"x"})}));
    } else {
      outer.push_back("first");
      outer.push_back(std::move(atom));
      outer.push_back(Atom::object({{"k", i}}));
    }
    atom = std::move(outer);
  }
  return atom;
}

TEST(Atom, IsBuiltFromPlainValues) {
  EXPECT_TRUE(Atom().is_null());
  EXPECT_TRUE(Atom(nullptr).is_null());
  EXPECT_EQ(Atom(true).as_bool(), true);
  EXPECT_EQ(Atom(42).as_int64(), 42);
  EXPECT_EQ(Atom(static_cast<signed char>(-1)).as_int64(), -1);
  EXPECT_EQ(Atom(static_cast<unsigned char>(200)).as_int64(), 200);
  EXPECT_EQ(Atom(4'000'000'000u).as_int64(), 4'000'000'000);
  EXPECT_EQ(Atom(UINT64_MAX).as_uint64(), UINT64_MAX);
  EXPECT_EQ(Atom(1.5).as_double(), 1.5);
  EXPECT_EQ(Atom(1.5f).as_double(), 1.5);
  EXPECT_EQ(Atom("text").as_string(), "text");
  EXPECT_EQ(Atom(std::string("text")).as_string(), "text");
  EXPECT_EQ(Atom(std::string_view("a\0b", 3)).as_string().size(), 3u);
  EXPECT_EQ(Atom(Bytes{std::byte{1}}).as_bytes().size(), 1u);
  EXPECT_THROW(Atom(static_cast<const char*>(nullptr)), ValidationError);
  static_assert(!std::is_constructible_v<Atom, char>, "a number or a text? say which");
  static_assert(!std::is_constructible_v<Atom, int*>, "no pointer turns into a bool");
  static_assert(std::is_nothrow_move_constructible_v<Atom> &&
                std::is_nothrow_move_assignable_v<Atom>);
}

TEST(Atom, ReadsLikeItIsWritten) {
  const Atom atom = Atom::object({{"name", "Alumu-Tesu"},
                                  {"codes", Atom::array({"aab", 7})},
                                  {"none", nullptr},
                                  {"o", Atom::object({})}});
  EXPECT_EQ(atom.at("name").as_string(), "Alumu-Tesu");
  EXPECT_EQ(atom.at("codes").at(1).as_int64(), 7);
  EXPECT_EQ(atom.at("codes").at(0), "aab");
  EXPECT_EQ(atom.size(), 4u);
  EXPECT_TRUE(atom.contains("none"));
  EXPECT_EQ(atom.find("absent"), nullptr);
  std::string keys;
  for (const auto& [key, value] : atom.members()) keys += key + ' ';
  EXPECT_EQ(keys, "name codes none o ");
  std::size_t count = 0;
  for (const Atom& element : atom.at("codes").elements()) count += element.is_null() ? 0 : 1;
  EXPECT_EQ(count, 2u);
}

TEST(Atom, WrongAccessNamesWhatWasWantedAndFound) {
  EXPECT_EQ(error_of([] { Atom(1).as_string(); }), "atom is of kind integer, wanted string");
  EXPECT_EQ(error_of([] { Atom("x").as_int64(); }), "atom is of kind string, wanted integer");
  EXPECT_EQ(error_of([] { Atom(1.0).as_int64(); }), "atom is of kind double, wanted integer");
  EXPECT_EQ(error_of([] { Atom().at("k"); }), "atom is of kind null, wanted object");
  EXPECT_EQ(error_of([] { Atom(true).size(); }), "atom is of kind bool, wanted array or object");
  EXPECT_EQ(error_of([] { Atom::object().at(0); }), "atom is of kind object, wanted array");
  EXPECT_EQ(error_of([] { Atom::object().at("key"); }), "object has no member 'key'");
  EXPECT_EQ(error_of([] { Atom::array({1}).at(1); }), "array of 1 elements has no index 1");
  EXPECT_THROW(Atom::array({1}).at(-1), ValidationError);
  EXPECT_THROW(Atom(1).set("k", 1), ValidationError);
  EXPECT_THROW(Atom::object().push_back(1), ValidationError);
}

TEST(Atom, GrowsWithSetAndPushBack) {
  Atom atom;
  atom.set("a", 1).set("b", 2).set("a", 3);
  EXPECT_EQ(atom, Atom::object({{"a", 3}, {"b", 2}})) << "replaced in its place";
  Atom list;
  list.push_back(1).push_back("two");
  EXPECT_EQ(list, Atom::array({1, "two"}));
  atom.at("b") = std::move(list);
  atom.at("b").at(0) = 9;
  EXPECT_EQ(atom.at("b"), Atom::array({9, "two"}));
}

TEST(Atom, DuplicateKeysAreRefused) {
  EXPECT_NE(error_of([] { Atom::object({{"k", 1}, {"k", 2}}); }).find("'k'"), std::string::npos);
  Atom::Object many;
  for (int i = 0; i < 1000; ++i) many.push_back({"key" + std::to_string(i), i});
  EXPECT_NO_THROW(Atom::object(many));
  many.push_back({"key500", 0});
  EXPECT_NE(error_of([&] { Atom::object(std::move(many)); }).find("'key500'"), std::string::npos);
}

TEST(Atom, IntegersAreOneKindOfAnySize) {
  const std::string big = "340282366920938463463374607431768211455";
  EXPECT_EQ(Atom::integer(big).integer_text(), big);
  EXPECT_TRUE(Atom::integer(big).is_integer());
  EXPECT_EQ(Atom::integer("0042"), 42);
  EXPECT_EQ(Atom::integer("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(Atom(std::uint64_t{7}), Atom(7)) << "the type it came from does not matter";
  EXPECT_NE(Atom::integer(big), Atom::integer(big + "0"));
  EXPECT_THROW(Atom::integer(big).as_int64(), ValidationError);
  EXPECT_THROW(Atom::integer(big).as_uint64(), ValidationError);
  EXPECT_THROW(Atom(UINT64_MAX).as_int64(), ValidationError);
  EXPECT_THROW(Atom(-1).as_uint64(), ValidationError);
  EXPECT_EQ(Atom(INT64_MIN).integer_text(), "-9223372036854775808");
  EXPECT_TRUE(Atom(5).fits_int64() && Atom(5).fits_uint64() && !Atom(-5).fits_uint64());
}

TEST(Atom, EqualityIsExact) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(Atom(1), Atom(1.0));
  EXPECT_NE(Atom(0.0), Atom(-0.0));
  EXPECT_EQ(Atom(nan), Atom(nan));
  EXPECT_NE(Atom(nan), Atom(std::bit_cast<double>(std::bit_cast<std::uint64_t>(nan) | 1)));
  EXPECT_NE(Atom("a"), Atom(Bytes{std::byte{'a'}}));
  EXPECT_NE(Atom(), Atom(false));
  EXPECT_NE(Atom::object({{"a", 1}, {"b", 2}}), Atom::object({{"b", 2}, {"a", 1}}))
      << "order counts";
  EXPECT_NE(Atom::array({1, 2}), Atom::array({1}));
  EXPECT_NE(Atom::array(), Atom::object());
  EXPECT_NE(Atom::array({Atom::array({1})}), Atom::array({Atom::array({2})}));
}

TEST(Atom, ReferencesPointAtAtoms) {
  const AtomPointer pointer{*UUID::parse("2ae5eaa6-abb9-489e-bad2-86a51861ec98"), UINT64_MAX};
  const Atom reference = Atom::reference("List", pointer);
  EXPECT_EQ(reference, Atom::object({{"className", "List"},
                                     {"transaction_id", "2ae5eaa6-abb9-489e-bad2-86a51861ec98"},
                                     {"offset", UINT64_MAX}}));
  EXPECT_EQ(reference.as_reference(), pointer);
  const auto changed = [&](const char* key, Atom value) {
    Atom atom = reference;
    atom.set(key, std::move(value));
    return atom.as_reference();
  };
  EXPECT_EQ(changed("offset", -1), std::nullopt);
  EXPECT_EQ(changed("offset", 1.0), std::nullopt);
  EXPECT_EQ(changed("transaction_id", "2ae5"), std::nullopt);
  EXPECT_EQ(changed("className", nullptr), std::nullopt);
  EXPECT_EQ(changed("more", 1), std::nullopt);
  EXPECT_EQ(Atom(5).as_reference(), std::nullopt);
}

TEST(Atom, AssigningAPartOfItselfIsSafe) {
  Atom atom = nested_bushes(10);
  const Atom inner = atom.at(1);
  atom = std::move(atom.at(1));
  EXPECT_EQ(atom, inner);
  atom = *&atom;
  EXPECT_EQ(atom, inner);
  atom.at("deep") = atom;
  EXPECT_EQ(atom.at("deep"), inner);
}

TEST(Atom, CopiesAreIndependent) {
  const Atom original = nested_bushes(50);
  Atom copy = original;
  EXPECT_EQ(copy, original);
  copy.at(1).at("last").at(0).at(0) = "changed";
  EXPECT_NE(copy, original);
}

TEST(Atom, AMillionLevelsOverflowNothing) {
  constexpr std::size_t kLevels = 1'000'000;
  for (const Atom& atom : {nested_arrays(kLevels), nested_bushes(kLevels / 5)}) {
    const Atom copy = atom;
    EXPECT_TRUE(copy == atom);
    EXPECT_GE(atom.depth(), kLevels / 5);
    EXPECT_GE(atom.memory_bytes(), kLevels * sizeof(Atom));
    EXPECT_THROW(atom.to_json(), ValidationError);
    std::ostringstream out;
    EXPECT_THROW(out << atom, ValidationError);
  }
}

TEST(Atom, MemoryIsCountedWithItsHeap) {
  EXPECT_EQ(Atom(1).memory_bytes(), sizeof(Atom));
  EXPECT_EQ(Atom("short").memory_bytes(), sizeof(Atom));
  EXPECT_GE(Atom(std::string(1000, 'x')).memory_bytes(), 1000 + sizeof(Atom));
  EXPECT_GE(Atom(Bytes(1000)).memory_bytes(), 1000 + sizeof(Atom));
  EXPECT_GE(Atom::integer("1" + std::string(1000, '0')).memory_bytes(), 1000 + sizeof(Atom));
  const Atom object =
      Atom::object({{std::string(1000, 'k'), Atom::array({std::string(500, 'v')})}});
  EXPECT_GE(object.memory_bytes(), 1500 + sizeof(Atom) * 2 + sizeof(AtomMember));
}

TEST(Atom, PrintsAsJSON) {
  std::ostringstream out;
  out << Atom::object({{"k", Atom::array({1, 1.0, nullptr, "x"})},
                       {"nan", std::numeric_limits<double>::quiet_NaN()}});
  EXPECT_EQ(out.str(), R"({"k":[1,1.0,null,"x"],"nan":NaN})");
  EXPECT_EQ(Atom::parse_json(R"( {"a":[true]} )"), Atom::object({{"a", Atom::array({true})}}));
}

}  // namespace
}  // namespace protobase
