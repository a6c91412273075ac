// MessagePack through msgpack-cxx: its packer writes, its parser drives the visitor below, unless
// the fast decoder has read the payload already.
#include "format/msgpack_codec.h"

#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <msgpack.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "format/msgpack_fast_decoder.h"
#include "format/output_buffer.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

constexpr std::size_t kMaxLength =
    std::numeric_limits<std::uint32_t>::max();  // of the format itself

// ---- encoding

struct Sink {
  OutputBuffer buffer;
  void write(const char* data, std::size_t size) { buffer.put(std::string_view(data, size)); }
};

class Encoder {
 public:
  explicit Encoder(std::string& out) : sink_{OutputBuffer(out)}, packer_(sink_) {}

  void finish() { sink_.buffer.finish(); }

  /// `depth`: containers around this atom.
  void encode(const Atom& atom, std::size_t depth) {
    switch (atom.kind()) {
      case AtomKind::kNull: packer_.pack_nil(); break;
      case AtomKind::kBool: atom.as_bool() ? packer_.pack_true() : packer_.pack_false(); break;
      case AtomKind::kInteger: encode_integer(atom); break;
      case AtomKind::kDouble: encode_double(atom.as_double()); break;
      case AtomKind::kString: encode_string(atom.as_string()); break;
      case AtomKind::kBytes: encode_bytes(atom.as_bytes()); break;
      case AtomKind::kArray: encode_array(atom.as_array(), depth + 1); break;
      case AtomKind::kObject: encode_object(atom.as_object(), depth + 1); break;
    }
  }

 private:
  void encode_integer(const Atom& atom) {
    if (atom.fits_int64()) {
      packer_.pack_int64(atom.as_int64());
    } else if (atom.fits_uint64()) {
      packer_.pack_uint64(atom.as_uint64());
    } else {
      throw ValidationError("integer of " + std::to_string(atom.integer_text().size()) +
                            " digits exceeds 64 bits; push it as JSON (push_atom)");
    }
  }

  /// Not packer::pack_double: it turns 1.0 into the integer 1.
  void encode_double(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    char text[9] = {'\xCB'};
    for (int i = 0; i < 8; ++i) text[1 + i] = static_cast<char>(bits >> (56 - 8 * i) & 0xFF);
    sink_.write(text, sizeof text);
  }

  void encode_string(std::string_view text) {
    if (text.size() <= kShortText && encode_short_ascii(text)) return;
    if (const auto bad = base::find_invalid_utf8(text)) {
      throw ValidationError("string is not valid UTF-8 at its byte " + std::to_string(*bad) +
                            ": put binary data into an atom of kind bytes");
    }
    packer_.pack_str(checked_length(text.size()));
    packer_.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
  }

  /// Most strings: header, check and copy in one go. False, with nothing written, for others.
  bool encode_short_ascii(std::string_view text) {
    std::uint64_t seen = 0;
    char* const to = sink_.buffer.room(1 + text.size());
    copy_looking(text, to + 1, [&seen](std::uint64_t word) { seen |= word; });
    if ((seen & 0x8080808080808080u) != 0) return false;
    *to = static_cast<char>(0xA0 | text.size());
    sink_.buffer.advance(1 + text.size());
    return true;
  }

  void encode_bytes(const Bytes& bytes) {
    packer_.pack_bin(checked_length(bytes.size()));
    packer_.pack_bin_body(reinterpret_cast<const char*>(bytes.data()),
                          static_cast<std::uint32_t>(bytes.size()));
  }

  void encode_array(const Atom::Array& elements, std::size_t depth) {
    check_depth(depth);
    packer_.pack_array(checked_length(elements.size()));
    for (const Atom& element : elements) encode(element, depth);
  }

  void encode_object(const Atom::Object& members, std::size_t depth) {
    check_depth(depth);
    packer_.pack_map(checked_length(members.size()));
    for (const AtomMember& member : members) {
      encode_string(member.key);
      encode(member.value, depth);
    }
  }

  static std::uint32_t checked_length(std::size_t length) {
    if (length <= kMaxLength) return static_cast<std::uint32_t>(length);
    throw ValidationError("MessagePack cannot hold a length of " + std::to_string(length));
  }

  static void check_depth(std::size_t depth) {
    if (depth > kMaxAtomDepth) {
      throw ValidationError("atom is nested deeper than " + std::to_string(kMaxAtomDepth) +
                            " levels");
    }
  }

  static constexpr std::size_t kShortText = 31;  // whose length is in the first byte

  Sink sink_;
  msgpack::packer<Sink> packer_;
};

// ---- decoding

double widen_exactly(float value) noexcept {
  if (value == value) return static_cast<double>(value);
  // The conversion of the processor would set the quiet bit of a NaN.
  const auto bits = std::uint64_t{std::bit_cast<std::uint32_t>(value)};
  return std::bit_cast<double>((bits >> 31) << 63 | 0x7FF0000000000000u | (bits & 0x7FFFFF) << 29);
}

std::uint64_t read_big_endian(std::string_view bytes) noexcept {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

/// The timestamp of the MessagePack specification; nullopt when the bytes are none.
std::optional<Atom> read_timestamp(std::string_view data) {
  std::int64_t seconds = 0;
  std::uint64_t nanoseconds = 0;
  if (data.size() == 4) {
    seconds = static_cast<std::int64_t>(read_big_endian(data));
  } else if (data.size() == 8) {
    const std::uint64_t both = read_big_endian(data);
    nanoseconds = both >> 34;
    seconds = static_cast<std::int64_t>(both & ((std::uint64_t{1} << 34) - 1));
  } else if (data.size() == 12) {
    nanoseconds = read_big_endian(data.substr(0, 4));
    seconds = static_cast<std::int64_t>(read_big_endian(data.substr(4)));
  } else {
    return std::nullopt;
  }
  if (nanoseconds > 999'999'999) return std::nullopt;
  return Atom::object({{"$timestamp", Atom::array({seconds, nanoseconds})}});
}

/// Keys of any kind: equal ones have the same canonical encoding.
void check_unique_keys(const Atom::Array& pairs) {
  std::vector<std::string> keys(pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) encode_msgpack(pairs[i].at(0), keys[i]);
  std::ranges::sort(keys);
  if (std::ranges::adjacent_find(keys) != keys.end()) throw ValidationError("duplicate key in map");
}

/// Builds the atom from msgpack-cxx's callbacks. A callback that returns false stops the parser;
/// what is wrong is then in error().
class AtomBuilder : public msgpack::null_visitor {
 public:
  explicit AtomBuilder(std::size_t payload_size) : payload_size_(payload_size) {}

  const std::string& error() const noexcept { return error_; }
  /// Once, after the parser has succeeded.
  Atom take_result() { return std::move(result_); }
  /// Whether the atom holds levels that the payload did not have.
  bool added_levels() const noexcept { return added_levels_; }

  bool visit_nil() { return add_scalar(nullptr, 0); }
  bool visit_boolean(bool value) { return add_scalar(value, 0); }
  bool visit_positive_integer(std::uint64_t value) { return add_scalar(value, 0); }
  bool visit_negative_integer(std::int64_t value) { return add_scalar(value, 0); }
  bool visit_float32(float value) { return add_scalar(widen_exactly(value), 4); }
  bool visit_float64(double value) { return add_scalar(value, 8); }
  bool visit_bin(const char* data, std::uint32_t size) {
    return add_scalar(Atom::bytes(as_bytes(std::string_view(data, size))), size);
  }

  bool visit_str(const char* data, std::uint32_t size) {
    const std::string_view text(data, size);
    if (base::find_invalid_utf8(text)) return fail("string is not valid UTF-8");
    if (stack_.empty() || !stack_.back().at_key) return add_scalar(text, size);
    count_value(size);
    Level& level = stack_.back();
    if (level.is_pairs) {
      level.key = text;
    } else {
      level.members.emplace_back(text, Atom());
    }
    return true;
  }

  bool visit_ext(const char* data, std::uint32_t size) {
    constexpr int kTimestampType = -1;
    const int type = static_cast<signed char>(data[0]);
    const std::string_view body(data + 1, size - 1);
    added_levels_ = true;
    if (type == kTimestampType) {
      if (std::optional<Atom> timestamp = read_timestamp(body))
        return add_scalar(*std::move(timestamp), size);
    }
    return add_scalar(Atom::object({{"$ext", Atom::array({type, Atom::bytes(as_bytes(body))})}}),
                      size);
  }

  bool start_array(std::uint32_t count) {
    if (!open(count)) return false;
    stack_.back().elements.reserve(std::min(count, kMaxReserve));
    return true;
  }
  bool end_array() {
    Atom array = Atom::array(std::move(stack_.back().elements));
    stack_.pop_back();
    add(std::move(array));
    return true;
  }

  bool start_map(std::uint32_t pairs) {
    if (!open(std::uint64_t{pairs} * 2)) return false;
    stack_.back().is_map = true;
    stack_.back().members.reserve(std::min(pairs, kMaxReserve));
    return true;
  }
  bool start_map_key() {
    stack_.back().at_key = true;
    return true;
  }
  bool end_map_key() {
    stack_.back().at_key = false;
    return true;
  }
  bool end_map() {
    Level level = std::move(stack_.back());
    stack_.pop_back();
    try {
      add(make_map(std::move(level)));
    } catch (const ValidationError& error) {
      return fail(error.what());
    }
    return true;
  }

  void parse_error(std::size_t, std::size_t) { error_ = "byte that starts no value"; }
  void insufficient_bytes(std::size_t, std::size_t) { error_ = "the payload ends inside a value"; }

 private:
  static constexpr std::uint32_t kMaxReserve = 4096;  // beyond it, memory grows with the bytes seen

  /// A container that is open. A map collects members, each with its key first and its value later;
  /// from its first key that is no string on, its elements are [key, value] pairs, the key waiting
  /// in `key`.
  struct Level {
    Atom::Array elements;
    Atom::Object members;
    Atom key;
    bool at_key = false;
    bool is_pairs = false;
    bool is_map = false;
  };

  bool fail(std::string what) {
    error_ = std::move(what);
    return false;
  }

  /// Every value takes at least one byte, so values still owed plus bytes seen may not exceed the
  /// payload.
  void count_value(std::size_t body_size) noexcept {
    --values_owed_;
    bytes_seen_ += 1 + body_size;
  }

  bool open(std::uint64_t values) {
    count_value(0);
    values_owed_ += values;
    if (values_owed_ + bytes_seen_ > payload_size_)
      return fail("count of more values than bytes follow");
    if (stack_.size() == kMaxAtomDepth) {
      return fail("nested deeper than " + std::to_string(kMaxAtomDepth) + " levels");
    }
    stack_.emplace_back();
    return true;
  }

  bool add_scalar(Atom value, std::size_t body_size) {
    count_value(body_size);
    add(std::move(value));
    return true;
  }

  void add(Atom value) {
    if (stack_.empty()) {
      result_ = std::move(value);
      return;
    }
    Level& level = stack_.back();
    if (level.at_key) {  // strings come another way, see visit_str
      if (!level.is_pairs) members_to_pairs(level);
      level.key = std::move(value);
    } else if (level.is_pairs) {
      level.elements.push_back(make_pair(std::move(level.key), std::move(value)));
    } else if (level.is_map) {
      level.members.back().value = std::move(value);
    } else {
      level.elements.push_back(std::move(value));
    }
  }

  static void members_to_pairs(Level& level) {
    level.is_pairs = true;
    for (AtomMember& member : level.members) {
      level.elements.push_back(make_pair(std::move(member.key), std::move(member.value)));
    }
    level.members.clear();
  }

  static Atom make_pair(Atom key, Atom value) {
    Atom::Array pair;
    pair.reserve(2);
    pair.push_back(std::move(key));
    pair.push_back(std::move(value));
    return Atom::array(std::move(pair));
  }

  Atom make_map(Level level) {
    if (!level.is_pairs) return Atom::object(std::move(level.members));
    check_unique_keys(level.elements);
    added_levels_ = true;
    Atom::Object map;
    map.push_back({"$map", Atom::array(std::move(level.elements))});
    return Atom::object(std::move(map));
  }

  std::size_t payload_size_;
  std::uint64_t values_owed_ = 1;
  std::uint64_t bytes_seen_ = 0;
  std::vector<Level> stack_;
  Atom result_;
  bool added_levels_ = false;
  std::string error_;
};

}  // namespace

void encode_msgpack(const Atom& atom, std::string& out) {
  Encoder encoder(out);
  encoder.encode(atom, 0);
  encoder.finish();
}

Atom decode_msgpack(std::span<const std::byte> payload) {
  Atom atom;
  if (payload.size() > kMaxLength || !try_decode_msgpack_fast(payload, atom)) {
    atom = parse_msgpack(payload);
  }
  return atom;
}

Atom parse_msgpack(std::span<const std::byte> payload) {
  if (payload.size() > kMaxLength) throw ValidationError("MessagePack payload of 4 GiB or more");
  AtomBuilder builder(payload.size());
  std::size_t end = 0;
  const bool done =
      msgpack::parse(reinterpret_cast<const char*>(payload.data()), payload.size(), end, builder);
  const auto fail = [&end](const std::string& what) {
    throw ValidationError("MessagePack at byte " + std::to_string(end) + ": " + what);
  };
  if (!done) fail(builder.error());
  if (end != payload.size()) fail("something follows the value");
  Atom atom = builder.take_result();
  if (builder.added_levels() && atom.depth() > kMaxAtomDepth) {
    fail("nested deeper than " + std::to_string(kMaxAtomDepth) + " levels");
  }
  return atom;
}

}  // namespace protobase::format
