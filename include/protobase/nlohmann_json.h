// Atom to nlohmann::json and back, for users who have their data there. The only public header with
// a third-party type in it; header-only, so that the library itself does not need nlohmann-json.
// What one side cannot hold exactly is refused, never rounded.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "protobase/atom.h"
#include "protobase/errors.h"

namespace protobase {
namespace nlohmann_detail {

inline void check_depth(std::size_t depth) {
  if (depth > kMaxAtomDepth) {
    throw ValidationError("nested deeper than " + std::to_string(kMaxAtomDepth) + " levels");
  }
}

inline nlohmann::ordered_json integer_to_nlohmann(const Atom& atom) {
  if (atom.fits_int64()) return atom.as_int64();
  if (atom.fits_uint64()) return atom.as_uint64();
  throw ValidationError("integer of " + std::to_string(atom.integer_text().size()) +
                        " digits exceeds 64 bits, which nlohmann::json cannot hold");
}

inline nlohmann::ordered_json bytes_to_nlohmann(const Bytes& bytes) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return nlohmann::ordered_json::binary(std::vector<std::uint8_t>(first, first + bytes.size()));
}

inline nlohmann::ordered_json to_nlohmann(const Atom& atom, std::size_t depth) {
  using JSON = nlohmann::ordered_json;
  check_depth(depth + (atom.is_array() || atom.is_object() ? 1 : 0));
  switch (atom.kind()) {
    case AtomKind::kNull: return nullptr;
    case AtomKind::kBool: return atom.as_bool();
    case AtomKind::kInteger: return integer_to_nlohmann(atom);
    case AtomKind::kDouble: return atom.as_double();
    case AtomKind::kString: return atom.as_string();
    case AtomKind::kBytes: return bytes_to_nlohmann(atom.as_bytes());
    case AtomKind::kArray: {
      JSON array = JSON::array();
      for (const Atom& element : atom.elements()) array.push_back(to_nlohmann(element, depth + 1));
      return array;
    }
    case AtomKind::kObject: break;
  }
  JSON object = JSON::object();
  auto& members = object.get_ref<JSON::object_t&>();
  members.reserve(atom.size());
  for (const AtomMember& member : atom.members()) {  // keys are unique already: no search for each
    members.emplace_back(member.key, to_nlohmann(member.value, depth + 1));
  }
  return object;
}

template <typename JSON>
Atom bytes_from_nlohmann(const JSON& json) {
  const auto& binary = json.get_binary();
  if (binary.has_subtype()) throw ValidationError("an atom's bytes have no subtype");
  return Atom::bytes(std::as_bytes(std::span(binary.data(), binary.size())));
}

template <typename JSON>
Atom from_nlohmann(const JSON& json, std::size_t depth) {
  using Type = nlohmann::json::value_t;
  check_depth(depth + (json.is_structured() ? 1 : 0));
  switch (json.type()) {
    case Type::null: return nullptr;
    case Type::boolean: return json.template get<bool>();
    case Type::number_integer: return json.template get<std::int64_t>();
    case Type::number_unsigned: return json.template get<std::uint64_t>();
    case Type::number_float: return json.template get<double>();
    case Type::string: return json.template get_ref<const std::string&>();
    case Type::binary: return bytes_from_nlohmann(json);
    case Type::array: {
      Atom::Array elements;
      elements.reserve(json.size());
      for (const JSON& element : json) elements.push_back(from_nlohmann(element, depth + 1));
      return Atom::array(std::move(elements));
    }
    case Type::object: {
      Atom::Object members;
      members.reserve(json.size());
      for (auto it = json.begin(); it != json.end(); ++it) {
        members.push_back({it.key(), from_nlohmann(it.value(), depth + 1)});
      }
      return Atom::object(std::move(members));
    }
    case Type::discarded: break;
  }
  throw ValidationError("a discarded nlohmann::json value is no atom");
}

}  // namespace nlohmann_detail

/// Keeps the order of keys; bytes become a binary value without subtype. Throws ValidationError for
/// integers beyond 64 bits and more than kMaxAtomDepth levels.
inline nlohmann::ordered_json to_nlohmann(const Atom& atom) {
  return nlohmann_detail::to_nlohmann(atom, 0);
}

/// Of nlohmann::json (keys come sorted) or nlohmann::ordered_json. Throws ValidationError for
/// binary values with a subtype, discarded values and more than kMaxAtomDepth levels.
template <typename JSON>
requires nlohmann::detail::is_basic_json<JSON>::value Atom from_nlohmann(const JSON& json) {
  return nlohmann_detail::from_nlohmann(json, 0);
}

}  // namespace protobase
