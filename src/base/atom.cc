// The Atom value. Whatever walks the tree keeps its own list of what is left to do instead of
// recursing, so that an atom of any depth is safe; destruction even works without allocating.
#include "protobase/atom.h"

#include <algorithm>
#include <bit>

#include "base/big_integer.h"
#include "protobase/errors.h"

namespace protobase {
namespace {

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string result = "'" + std::string(text.substr(0, kShown));
  return result + (text.size() > kShown ? "...'" : "'");
}

[[noreturn]] void throw_duplicate(std::string_view key) {
  throw ValidationError("duplicate key in object: " + quoted(key));
}

void check_unique_by_sorting(const Atom::Object& members) {
  std::vector<std::string_view> keys(members.size());
  std::ranges::transform(members, keys.begin(),
                         [](const AtomMember& member) { return std::string_view(member.key); });
  std::ranges::sort(keys);
  const auto twice = std::ranges::adjacent_find(keys);
  if (twice != keys.end()) throw_duplicate(*twice);
}

void check_unique(const Atom::Object& members) {
  constexpr std::size_t kFewMembers = 12;  // up to here comparing all pairs is faster than sorting
  if (members.size() > kFewMembers) return check_unique_by_sorting(members);
  for (std::size_t i = 1; i < members.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (members[i].key == members[j].key) throw_duplicate(members[i].key);
    }
  }
}

/// Heap of a std::string; short ones live inside the object.
std::size_t string_heap_bytes(const std::string& text) noexcept {
  static const std::size_t inline_capacity = std::string().capacity();
  return text.capacity() > inline_capacity ? text.capacity() + 1 : 0;
}

}  // namespace

std::string_view to_text(AtomKind kind) noexcept {
  constexpr std::string_view kNames[] = {"null",   "bool",  "integer", "double",
                                         "string", "bytes", "array",   "object"};
  return kNames[static_cast<std::size_t>(kind)];
}

// ---- construction, copying, destruction

Atom::Atom(const char* text) {
  if (text == nullptr) throw ValidationError("an atom cannot be built from a null char pointer");
  value_.emplace<std::string>(text);
}

Atom::Atom(const Atom& other) {
  if (!other.is_container()) {
    value_ = other.value_;
    return;
  }
  std::vector<std::pair<const Atom*, Atom*>> work{{&other, this}};
  while (!work.empty()) {
    const auto [from, to] = work.back();
    work.pop_back();
    to->copy_level(*from, work);
  }
}

void Atom::copy_level(const Atom& from, std::vector<std::pair<const Atom*, Atom*>>& deeper) {
  const auto copy_child = [&deeper](const Atom& child, Atom& target) {
    if (child.is_container()) {
      deeper.emplace_back(&child, &target);
    } else {
      target.value_ = child.value_;
    }
  };
  if (const Array* source = std::get_if<Array>(&from.value_)) {
    Array& target = value_.emplace<Array>(source->size());
    for (std::size_t i = 0; i < source->size(); ++i) copy_child((*source)[i], target[i]);
    return;
  }
  const Object& source = std::get<Object>(from.value_);
  Object& target = value_.emplace<Object>(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    target[i].key = source[i].key;
    copy_child(source[i].value, target[i].value);
  }
}

// Not inline: g++ 12 then warns of uninitialised memory wherever it can see that an atom is null.
Atom::Atom(Atom&& other) noexcept = default;

Atom& Atom::operator=(const Atom& other) { return *this = Atom(other); }

Atom& Atom::operator=(Atom&& other) noexcept {
  if (!is_container()) {
    value_ = std::move(other.value_);
    return *this;
  }
  // `other` may lie inside the tree that is replaced: take it out before that tree dies, in
  // `taken`.
  Atom taken(std::move(other));
  value_.swap(taken.value_);
  return *this;
}

std::size_t Atom::child_count() const noexcept {
  if (const Array* array = std::get_if<Array>(&value_)) return array->size();
  if (const Object* object = std::get_if<Object>(&value_)) return object->size();
  return 0;
}

bool Atom::has_grandchildren() const noexcept {
  if (const Array* array = std::get_if<Array>(&value_)) {
    return std::ranges::any_of(*array, [](const Atom& a) { return a.child_count() != 0; });
  }
  const Object* object = std::get_if<Object>(&value_);
  return object != nullptr && std::ranges::any_of(*object, [](const AtomMember& member) {
           return member.value.child_count() != 0;
         });
}

Atom Atom::pop_last_child() noexcept {
  if (Array* array = std::get_if<Array>(&value_)) {
    Atom child = std::move(array->back());
    array->pop_back();
    return child;
  }
  Object& object = *std::get_if<Object>(&value_);
  Atom child = std::move(object.back().value);
  object.pop_back();
  return child;
}

/// Makes `parent` the first child. Uses the slot that pop_last_child() freed just before: no
/// allocation.
void Atom::insert_link(Atom&& parent) noexcept {
  if (Array* array = std::get_if<Array>(&value_)) {
    array->push_back(std::move(parent));
    std::swap(array->front(), array->back());
    return;
  }
  Object& object = *std::get_if<Object>(&value_);
  object.push_back({std::string(), std::move(parent)});
  std::swap(object.front(), object.back());
}

/// Destroys the tree below this container in constant stack and without allocating: on the way down
/// each half-emptied parent is hung into its child as first child, where it is found again, last,
/// on the way up.
void Atom::dismantle() noexcept {
  if (!has_grandchildren()) return;  // one level: the vector's destructor does it
  Atom current(std::move(*this));
  while (current.child_count() != 0) {
    Atom held = current.pop_last_child();
    while (held.child_count() != 0) {
      if (current.child_count() == 0) {
        current = std::move(held);
        break;
      }
      Atom next = held.pop_last_child();
      held.insert_link(std::move(current));
      current = std::move(held);
      held = std::move(next);
    }
  }
}

// ---- factories

Atom Atom::array(std::initializer_list<Atom> elements) { return array(Array(elements)); }

Atom Atom::array(Array elements) noexcept {
  Atom atom;
  atom.value_.emplace<Array>(std::move(elements));
  return atom;
}

Atom Atom::array() noexcept { return array(Array()); }

Atom Atom::object(std::initializer_list<AtomMember> members) { return object(Object(members)); }

Atom Atom::object(Object members) {
  check_unique(members);
  Atom atom;
  atom.value_.emplace<Object>(std::move(members));
  return atom;
}

Atom Atom::object() noexcept {
  Atom atom;
  atom.value_.emplace<Object>();
  return atom;
}

Atom Atom::integer(std::string_view decimal) {
  base::AnyInteger parsed = base::parse_integer(decimal);
  if (const auto* small = std::get_if<std::int64_t>(&parsed)) return Atom(*small);
  if (const auto* large = std::get_if<std::uint64_t>(&parsed)) return Atom(*large);
  Atom atom;
  atom.value_ = BigInteger{std::get<std::string>(std::move(parsed))};
  return atom;
}

Atom Atom::bytes(std::span<const std::byte> bytes) { return Bytes(bytes.begin(), bytes.end()); }

Atom Atom::reference(std::string class_name, const AtomPointer& pointer) {
  return object({{"className", std::move(class_name)},
                 {"transaction_id", pointer.transaction_id.to_string()},
                 {"offset", pointer.offset}});
}

// ---- access

void Atom::throw_wrong_kind(std::string_view wanted) const {
  throw ValidationError("atom is of kind " + std::string(to_text(kind())) + ", wanted " +
                        std::string(wanted));
}

void Atom::throw_no_int64() const {
  if (!is_integer()) throw_wrong_kind(to_text(AtomKind::kInteger));
  throw ValidationError("integer " + quoted(integer_text()) +
                        " does not fit a signed 64-bit integer");
}

bool Atom::fits_uint64() const noexcept {
  const auto* small = std::get_if<std::int64_t>(&value_);
  return small != nullptr ? *small >= 0 : std::holds_alternative<std::uint64_t>(value_);
}

std::uint64_t Atom::as_uint64() const {
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return *value;
  if (fits_uint64()) return static_cast<std::uint64_t>(std::get<std::int64_t>(value_));
  if (!is_integer()) throw_wrong_kind(to_text(AtomKind::kInteger));
  throw ValidationError("integer " + quoted(integer_text()) +
                        " does not fit an unsigned 64-bit integer");
}

std::string Atom::integer_text() const {
  if (const auto* small = std::get_if<std::int64_t>(&value_)) return std::to_string(*small);
  if (const auto* large = std::get_if<std::uint64_t>(&value_)) return std::to_string(*large);
  return get<BigInteger>(AtomKind::kInteger).text;
}

std::size_t Atom::size() const {
  if (!is_container()) throw_wrong_kind("array or object");
  return child_count();
}

const Atom* Atom::find(std::string_view key) const {
  for (const AtomMember& member : as_object()) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

const Atom& Atom::at(std::string_view key) const {
  const Atom* value = find(key);
  if (value == nullptr) throw ValidationError("object has no member " + quoted(key));
  return *value;
}

Atom& Atom::at(std::string_view key) { return const_cast<Atom&>(std::as_const(*this).at(key)); }

const Atom& Atom::element(std::size_t index) const {
  const Array& array = as_array();
  if (index < array.size()) return array[index];
  throw ValidationError("array of " + std::to_string(array.size()) + " elements has no index " +
                        std::to_string(index));
}

Atom& Atom::set(std::string key, Atom value) {
  if (is_null()) value_.emplace<Object>();
  if (const Atom* present = find(key)) {
    const_cast<Atom&>(*present) = std::move(value);
  } else {
    std::get<Object>(value_).push_back({std::move(key), std::move(value)});
  }
  return *this;
}

Atom& Atom::push_back(Atom value) {
  if (is_null()) value_.emplace<Array>();
  if (!is_array()) throw_wrong_kind(to_text(AtomKind::kArray));
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

std::optional<AtomPointer> Atom::as_reference() const {
  constexpr std::size_t kReferenceMembers = 3;
  if (!is_object() || size() != kReferenceMembers) return std::nullopt;
  const Atom* class_name = find("className");
  const Atom* id = find("transaction_id");
  const Atom* offset = find("offset");
  if (class_name == nullptr || id == nullptr || offset == nullptr) return std::nullopt;
  if (!class_name->is_string() || !id->is_string() || !offset->fits_uint64()) return std::nullopt;
  const std::optional<UUID> uuid = UUID::parse(id->as_string());
  if (!uuid) return std::nullopt;
  return AtomPointer{*uuid, offset->as_uint64()};
}

// ---- the whole tree

template <typename Visit>
void Atom::for_each_child(Visit visit) const {
  if (const Array* array = std::get_if<Array>(&value_)) {
    for (const Atom& child : *array) visit(child);
  } else if (const Object* object = std::get_if<Object>(&value_)) {
    for (const AtomMember& member : *object) visit(member.value);
  }
}

std::size_t Atom::depth() const {
  std::size_t deepest = 0;
  std::vector<std::pair<const Atom*, std::size_t>> work;
  const auto add = [&](const Atom& atom, std::size_t level) {
    if (!atom.is_container()) return;
    deepest = std::max(deepest, level);
    if (atom.child_count() != 0) work.emplace_back(&atom, level);
  };
  add(*this, 1);
  while (!work.empty()) {
    const std::pair<const Atom*, std::size_t> next = work.back();
    work.pop_back();
    next.first->for_each_child([&](const Atom& child) { add(child, next.second + 1); });
  }
  return deepest;
}

std::size_t Atom::own_heap_bytes() const {
  switch (kind()) {
    case AtomKind::kInteger:
      return fits_int64() || fits_uint64() ? 0
                                           : string_heap_bytes(std::get<BigInteger>(value_).text);
    case AtomKind::kString: return string_heap_bytes(as_string());
    case AtomKind::kBytes: return as_bytes().capacity();
    case AtomKind::kArray: return as_array().capacity() * sizeof(Atom);
    case AtomKind::kObject: {
      std::size_t bytes = as_object().capacity() * sizeof(AtomMember);
      for (const AtomMember& member : as_object()) bytes += string_heap_bytes(member.key);
      return bytes;
    }
    default: return 0;
  }
}

std::size_t Atom::memory_bytes() const {
  std::size_t bytes = sizeof(Atom);
  std::vector<const Atom*> work;
  const auto add = [&](const Atom& atom) {
    bytes += atom.own_heap_bytes();
    if (atom.child_count() != 0) work.push_back(&atom);
  };
  add(*this);
  while (!work.empty()) {
    const Atom* next = work.back();
    work.pop_back();
    next->for_each_child(add);
  }
  return bytes;
}

bool Atom::equal_scalars(const Atom& a, const Atom& b) noexcept {
  const auto same = [&]<typename T>(std::in_place_type_t<T>) {
    return *std::get_if<T>(&a.value_) == *std::get_if<T>(&b.value_);
  };
  switch (a.kind()) {
    case AtomKind::kBool: return same(std::in_place_type<bool>);
    case AtomKind::kInteger:
      if (a.fits_int64()) return same(std::in_place_type<std::int64_t>);
      if (a.fits_uint64()) return same(std::in_place_type<std::uint64_t>);
      return std::get_if<BigInteger>(&a.value_)->text == std::get_if<BigInteger>(&b.value_)->text;
    case AtomKind::kDouble:
      return std::bit_cast<std::uint64_t>(*std::get_if<double>(&a.value_)) ==
             std::bit_cast<std::uint64_t>(*std::get_if<double>(&b.value_));
    case AtomKind::kString: return same(std::in_place_type<std::string>);
    case AtomKind::kBytes: return same(std::in_place_type<Bytes>);
    default: return true;  // null
  }
}

bool Atom::equal(const Atom& first, const Atom& second) {
  std::vector<std::pair<const Atom*, const Atom*>> work;
  const auto same = [&work](const Atom& a, const Atom& b) {
    if (a.value_.index() != b.value_.index()) return false;
    if (!a.is_container()) return equal_scalars(a, b);
    if (a.child_count() != b.child_count()) return false;
    if (a.child_count() != 0) work.emplace_back(&a, &b);
    return true;
  };
  if (!same(first, second)) return false;
  while (!work.empty()) {
    const auto [a, b] = work.back();
    work.pop_back();
    if (const Array* array = std::get_if<Array>(&a->value_)) {
      if (!std::ranges::equal(*array, std::get<Array>(b->value_), same)) return false;
      continue;
    }
    const auto same_member = [&same](const AtomMember& m, const AtomMember& n) {
      return m.key == n.key && same(m.value, n.value);
    };
    if (!std::ranges::equal(std::get<Object>(a->value_), std::get<Object>(b->value_),
                            same_member)) {
      return false;
    }
  }
  return true;
}

}  // namespace protobase
