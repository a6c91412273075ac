// The value users store: what JSON and MessagePack can say, nothing rounded. Encoders turn it into
// a record's payload, decoders make it again. A plain value: copies, compares, prints; holds no
// resource. Whatever is done with an atom of kMaxAtomDepth levels takes at most 512 KiB of stack.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "protobase/atom_pointer.h"
#include "protobase/export.h"
#include "protobase/shared_bytes.h"

namespace protobase {

struct AtomMember;

/// Containers inside each other: a scalar has depth 0, `[]` 1, `[[]]` 2. Deeper atoms can be built
/// and destroyed, but neither encoded, printed nor decoded (ValidationError).
inline constexpr std::size_t kMaxAtomDepth = 1024;
/// Decimal digits of the longest integer, sign not counted. Longer ones are refused
/// (ValidationError).
inline constexpr std::size_t kMaxIntegerDigits = 4096;

enum class AtomKind : std::uint8_t {
  kNull,
  kBool,
  kInteger,
  kDouble,
  kString,
  kBytes,
  kArray,
  kObject
};

/// "null", "bool", "integer", "double", "string", "bytes", "array", "object".
PROTOBASE_EXPORT std::string_view to_text(AtomKind kind) noexcept;

/// What counts as an integer when an Atom is built: every integral type but bool and the character
/// types.
template <typename T>
concept AtomInteger = std::integral<T> && sizeof(T) <= 8 && !std::same_as<T, bool> &&
                      !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                      !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
                      !std::same_as<T, char32_t>;

/// Immutable once pushed; mutable while you build it. Reading one atom from many threads is safe,
/// changing it is not. A moved-from atom may only be assigned to or destroyed.
///
///     Atom language = Atom::object({{"name", "Alumu-Tesu"}, {"codes", Atom::array({"aab", 7})}});
///     language.at("codes").at(1).as_int64();  // 7
///
/// Equality is exact: two atoms are equal when they are stored as the same bytes. Integers compare
/// by value, 1 differs from 1.0, doubles compare bit for bit (a NaN equals the same NaN, -0.0
/// differs from 0.0), and the order of an object's keys counts.
///
/// Caveat: strings are taken as they are; invalid UTF-8 is found when the atom is encoded.
class PROTOBASE_EXPORT Atom {
 public:
  using Array = std::vector<Atom>;
  using Object = std::vector<AtomMember>;

  Atom() noexcept;
  Atom(std::nullptr_t) noexcept;
  template <std::same_as<bool> T>
  Atom(T value) noexcept;
  template <AtomInteger T>
  Atom(T value) noexcept;
  Atom(double value) noexcept;
  Atom(float value) noexcept;
  /// Throws ValidationError for a null pointer.
  Atom(const char* text);
  Atom(std::string text) noexcept;
  Atom(std::string_view text);
  Atom(Bytes bytes) noexcept;

  Atom(const Atom& other);
  Atom(Atom&& other) noexcept;
  Atom& operator=(const Atom& other);
  Atom& operator=(Atom&& other) noexcept;
  ~Atom();

  static Atom array(std::initializer_list<Atom> elements);
  static Atom array(Array elements) noexcept;
  static Atom array() noexcept;
  /// Keeps the order. Throws ValidationError when a key comes twice. O(n log n).
  static Atom object(std::initializer_list<AtomMember> members);
  static Atom object(Object members);
  static Atom object() noexcept;
  /// Decimal text with an optional '-'; leading zeros are dropped, "-0" is 0. Throws
  /// ValidationError for anything else, and for more than kMaxIntegerDigits digits.
  static Atom integer(std::string_view decimal);
  static Atom bytes(std::span<const std::byte> bytes);
  /// How one atom points at another:
  /// {"className": class_name, "transaction_id": "uuid", "offset": N}.
  static Atom reference(std::string class_name, const AtomPointer& pointer);

  AtomKind kind() const noexcept { return kKinds[value_.index()]; }
  bool is_null() const noexcept { return kind() == AtomKind::kNull; }
  bool is_bool() const noexcept { return kind() == AtomKind::kBool; }
  bool is_integer() const noexcept { return kind() == AtomKind::kInteger; }
  bool is_double() const noexcept { return kind() == AtomKind::kDouble; }
  bool is_string() const noexcept { return kind() == AtomKind::kString; }
  bool is_bytes() const noexcept { return kind() == AtomKind::kBytes; }
  bool is_array() const noexcept { return kind() == AtomKind::kArray; }
  bool is_object() const noexcept { return kind() == AtomKind::kObject; }

  // Checked access. Each throws ValidationError that names the kind wanted and the kind found.
  // References live as long as this atom is neither changed nor destroyed.
  bool as_bool() const { return get<bool>(AtomKind::kBool); }
  double as_double() const { return get<double>(AtomKind::kDouble); }
  const std::string& as_string() const { return get<std::string>(AtomKind::kString); }
  const Bytes& as_bytes() const { return get<Bytes>(AtomKind::kBytes); }
  const Array& as_array() const { return get<Array>(AtomKind::kArray); }
  const Object& as_object() const { return get<Object>(AtomKind::kObject); }
  /// Also ValidationError when the integer does not fit.
  std::int64_t as_int64() const {
    if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
    throw_no_int64();
  }
  std::uint64_t as_uint64() const;
  bool fits_int64() const noexcept { return std::holds_alternative<std::int64_t>(value_); }
  /// Of an integer that is not negative; false for every other kind.
  bool fits_uint64() const noexcept;
  /// Canonical decimal text of an integer of any size.
  std::string integer_text() const;

  /// Elements of an array or members of an object; throws for other kinds.
  std::size_t size() const;
  bool empty() const { return size() == 0; }
  /// For loops: the elements of an array, the members (key, value) of an object in their order.
  std::span<const Atom> elements() const { return as_array(); }
  std::span<const AtomMember> members() const;
  /// Throws ValidationError that names the missing key or index. Linear in the number of members.
  const Atom& at(std::string_view key) const;
  Atom& at(std::string_view key);
  template <AtomInteger T>
  const Atom& at(T index) const {
    return element(static_cast<std::size_t>(index));
  }
  template <AtomInteger T>
  Atom& at(T index) {
    return const_cast<Atom&>(std::as_const(*this).element(static_cast<std::size_t>(index)));
  }
  /// Null when there is no such member; throws when this is no object.
  const Atom* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }

  /// Replaces the value in its place, or appends the member. A null atom becomes an object first.
  /// Linear: build large objects with Atom::object(). Returns *this.
  Atom& set(std::string key, Atom value);
  /// A null atom becomes an array first. Returns *this.
  Atom& push_back(Atom value);

  /// The pointer, when this is an object of exactly the three members that reference() makes, in
  /// any order.
  std::optional<AtomPointer> as_reference() const;

  /// Containers on the longest way down, see kMaxAtomDepth.
  std::size_t depth() const;
  /// Estimate of the memory this atom holds, its own sizeof and heap blocks included.
  std::size_t memory_bytes() const;

  /// Compact JSON in the version-1 dialect; parse_json(to_json()) is equal unless there is a NaN
  /// with unusual bits. Non-finite doubles print as NaN, Infinity, -Infinity, bytes as
  /// {"$bytes":"base64"}. Throws ValidationError for invalid UTF-8 and for more than kMaxAtomDepth
  /// levels.
  std::string to_json() const;
  /// Reads exactly one JSON text of the version-1 dialect. Throws ValidationError with the byte
  /// position.
  static Atom parse_json(std::string_view text);

  friend bool operator==(const Atom& a, const Atom& b) { return equal(a, b); }
  /// Writes to_json().
  friend std::ostream& operator<<(std::ostream& out, const Atom& atom) { return print(out, atom); }

 private:
  /// Canonical text of an integer outside -2^63 .. 2^64-1.
  struct BigInteger {
    std::string text;
  };
  // An integer has exactly one representation: int64 where it fits, then uint64, then text.
  using Value = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, BigInteger, double,
                             std::string, Bytes, Array, Object>;
  static constexpr std::size_t kFirstContainer = 8;
  static constexpr AtomKind kKinds[] = {AtomKind::kNull,    AtomKind::kBool,    AtomKind::kInteger,
                                        AtomKind::kInteger, AtomKind::kInteger, AtomKind::kDouble,
                                        AtomKind::kString,  AtomKind::kBytes,   AtomKind::kArray,
                                        AtomKind::kObject};

  template <typename T>
  const T& get(AtomKind wanted) const {
    if (const T* value = std::get_if<T>(&value_)) return *value;
    throw_wrong_kind(to_text(wanted));
  }
  [[noreturn]] void throw_wrong_kind(std::string_view wanted) const;
  [[noreturn]] void throw_no_int64() const;
  bool is_container() const noexcept { return value_.index() >= kFirstContainer; }
  const Atom& element(std::size_t index) const;

  static bool equal(const Atom& a, const Atom& b);
  static bool equal_scalars(const Atom& a, const Atom& b) noexcept;
  static std::ostream& print(std::ostream& out, const Atom& atom);

  // The tree below one container, without recursion.
  template <typename Visit>
  void for_each_child(Visit visit) const;
  std::size_t child_count() const noexcept;
  std::size_t own_heap_bytes() const;
  void copy_level(const Atom& from, std::vector<std::pair<const Atom*, Atom*>>& deeper);
  bool has_grandchildren() const noexcept;
  Atom pop_last_child() noexcept;
  void insert_link(Atom&& parent) noexcept;
  void dismantle() noexcept;

  Value value_;
};

/// One key and its value in an object.
struct AtomMember {
  AtomMember() = default;
  AtomMember(std::string k, Atom v) noexcept : key(std::move(k)), value(std::move(v)) {}
  AtomMember(std::string_view k, Atom v) : key(k), value(std::move(v)) {}
  AtomMember(const char* k, Atom v) : key(k), value(std::move(v)) {}
  /// Builds the value in its place: moving an atom costs as much as building a small one.
  template <typename T>
  AtomMember(std::string_view k, std::in_place_t, T&& v) : key(k), value(std::forward<T>(v)) {}

  std::string key;
  Atom value;

  friend bool operator==(const AtomMember& a, const AtomMember& b) {
    return a.key == b.key && a.value == b.value;
  }
};

static_assert(sizeof(Atom) <= 48);

// Defined here because they need AtomMember complete.
inline Atom::Atom() noexcept = default;
inline Atom::Atom(std::nullptr_t) noexcept {}
template <std::same_as<bool> T>
Atom::Atom(T value) noexcept : value_(std::in_place_type<bool>, value) {}
template <AtomInteger T>
Atom::Atom(T value) noexcept
    : value_(std::in_place_type<std::int64_t>, static_cast<std::int64_t>(value)) {
  if (std::is_unsigned_v<T> && std::get<std::int64_t>(value_) < 0) {  // it was 2^63 or more
    value_.template emplace<std::uint64_t>(static_cast<std::uint64_t>(value));
  }
}
inline Atom::Atom(double value) noexcept : value_(value) {}
inline Atom::Atom(float value) noexcept : value_(static_cast<double>(value)) {}
inline Atom::Atom(std::string text) noexcept : value_(std::move(text)) {}
inline Atom::Atom(std::string_view text) : value_(std::in_place_type<std::string>, text) {}
inline Atom::Atom(Bytes bytes) noexcept : value_(std::move(bytes)) {}
inline Atom::~Atom() {
  if (is_container()) dismantle();
}
inline std::span<const AtomMember> Atom::members() const { return as_object(); }

}  // namespace protobase
