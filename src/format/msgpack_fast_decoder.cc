// One pass over the bytes, each atom built in its place: no callbacks, no stack of open containers.
// Invariant: values that containers still owe never exceed the bytes that are left, so that no
// length allocates more than the payload can fill.
#include "format/msgpack_fast_decoder.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

constexpr std::size_t kMaxReserve = 4096;  // beyond it, memory grows with the bytes seen

template <typename T>
T load_big_endian(const char* from) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value =
        static_cast<T>(static_cast<std::uint64_t>(value) << 8 | static_cast<std::uint8_t>(from[i]));
  }
  return value;
}

bool is_ascii(std::string_view text) noexcept {
  std::uint64_t seen = 0;
  std::uint64_t word = 0;
  if (text.size() >= sizeof word) {
    for (std::size_t at = 0; at + sizeof word < text.size(); at += sizeof word) {
      std::memcpy(&word, text.data() + at, sizeof word);
      seen |= word;
    }
    std::memcpy(&word, text.data() + text.size() - sizeof word, sizeof word);
    seen |= word;
  } else {
    for (const char c : text) seen |= static_cast<std::uint8_t>(c);
    return seen < 0x80;
  }
  return (seen & 0x8080808080808080u) == 0;
}

class FastReader {
 public:
  explicit FastReader(std::string_view payload) noexcept
      : at_(payload.data()), end_(payload.data() + payload.size()) {}

  /// The only value; false when it is not for us.
  bool read_whole(Atom& atom) {
    const auto assign = [&atom]<typename T>(T&& value) { atom = Atom(std::forward<T>(value)); };
    return read_value(0, assign) && at_ == end_;
  }

 private:
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

  /// Reads a value and hands it, as what an Atom is made of, to `emit`. `depth`: containers around.
  template <typename Emit>
  bool read_value(std::size_t depth, const Emit& emit) {
    if (at_ == end_) return false;
    --owed_;
    const auto head = static_cast<std::uint8_t>(*at_++);
    if (head >= 0xA0 && head < 0xC0) return read_string(head & 0x1F, emit);
    if (head < 0x80) return emit(std::uint64_t{head}), true;
    if (head < 0x90) return read_object(head & 0x0F, depth + 1, emit);
    if (head < 0xA0) return read_array(head & 0x0F, depth + 1, emit);
    if (head >= 0xE0) return emit(std::int64_t{static_cast<std::int8_t>(head)}), true;
    return read_long_form(head, depth, emit);
  }

  template <typename Emit>
  bool read_long_form(std::uint8_t head, std::size_t depth, const Emit& emit) {
    std::size_t size = 0;
    switch (head) {
      case 0xC0: return emit(nullptr), true;
      case 0xC2: return emit(false), true;
      case 0xC3: return emit(true), true;
      case 0xC4: return read_size<std::uint8_t>(size) && read_bytes(size, emit);
      case 0xC5: return read_size<std::uint16_t>(size) && read_bytes(size, emit);
      case 0xC6: return read_size<std::uint32_t>(size) && read_bytes(size, emit);
      case 0xCB: return read_double(emit);
      case 0xCC: return read_integer<std::uint8_t>(emit);
      case 0xCD: return read_integer<std::uint16_t>(emit);
      case 0xCE: return read_integer<std::uint32_t>(emit);
      case 0xCF: return read_integer<std::uint64_t>(emit);
      case 0xD0: return read_integer<std::int8_t>(emit);
      case 0xD1: return read_integer<std::int16_t>(emit);
      case 0xD2: return read_integer<std::int32_t>(emit);
      case 0xD3: return read_integer<std::int64_t>(emit);
      case 0xD9: return read_size<std::uint8_t>(size) && read_string(size, emit);
      case 0xDA: return read_size<std::uint16_t>(size) && read_string(size, emit);
      case 0xDB: return read_size<std::uint32_t>(size) && read_string(size, emit);
      case 0xDC: return read_size<std::uint16_t>(size) && read_array(size, depth + 1, emit);
      case 0xDD: return read_size<std::uint32_t>(size) && read_array(size, depth + 1, emit);
      case 0xDE: return read_size<std::uint16_t>(size) && read_object(size, depth + 1, emit);
      case 0xDF: return read_size<std::uint32_t>(size) && read_object(size, depth + 1, emit);
      default: return false;  // 0xC1, float32 and exts
    }
  }

  template <typename T>
  bool read_number(T& value) noexcept {
    if (left() < sizeof value) return false;
    value = load_big_endian<T>(at_);
    at_ += sizeof value;
    return true;
  }
  template <typename T>
  bool read_size(std::size_t& size) noexcept {
    T value = 0;
    if (!read_number(value)) return false;
    size = value;
    return true;
  }
  template <typename T, typename Emit>
  bool read_integer(const Emit& emit) {
    T value = 0;
    if (!read_number(value)) return false;
    emit(value);
    return true;
  }
  template <typename Emit>
  bool read_double(const Emit& emit) {
    std::uint64_t bits = 0;
    if (!read_number(bits)) return false;
    emit(std::bit_cast<double>(bits));
    return true;
  }

  /// What the containers still need has to fit behind the body.
  bool take(std::size_t size, std::string_view& body) noexcept {
    if (left() < size || left() - size < owed_) return false;
    body = {at_, size};
    at_ += size;
    return true;
  }
  bool take_text(std::size_t size, std::string_view& text) noexcept {
    return take(size, text) && (is_ascii(text) || !base::find_invalid_utf8(text));
  }

  template <typename Emit>
  bool read_string(std::size_t size, const Emit& emit) {
    std::string_view text;
    if (!take_text(size, text)) return false;
    emit(text);
    return true;
  }
  template <typename Emit>
  bool read_bytes(std::size_t size, const Emit& emit) {
    std::string_view body;
    if (!take(size, body)) return false;
    emit(Atom::bytes(as_bytes(body)));
    return true;
  }

  bool read_key(std::string_view& key) noexcept {
    if (at_ == end_) return false;
    --owed_;
    const auto head = static_cast<std::uint8_t>(*at_++);
    if (head >= 0xA0 && head < 0xC0) return take_text(head & 0x1F, key);
    std::size_t size = 0;
    switch (head) {
      case 0xD9: return read_size<std::uint8_t>(size) && take_text(size, key);
      case 0xDA: return read_size<std::uint16_t>(size) && take_text(size, key);
      case 0xDB: return read_size<std::uint32_t>(size) && take_text(size, key);
      default: return false;
    }
  }

  bool open(std::size_t values, std::size_t depth) noexcept {
    owed_ += values;
    return owed_ <= left() && depth <= kMaxAtomDepth;
  }

  template <typename Emit>
  bool read_array(std::size_t count, std::size_t depth, const Emit& emit) {
    if (!open(count, depth)) return false;
    Atom::Array elements;
    if (!fill(elements, count, depth)) return false;
    emit(Atom::array(std::move(elements)));
    return true;
  }

  template <typename Emit>
  bool read_object(std::size_t pairs, std::size_t depth, const Emit& emit) {
    if (!open(2 * pairs, depth)) return false;
    Atom::Object members;
    if (!fill(members, pairs, depth)) return false;
    emit(Atom::object(std::move(members)));
    return true;
  }

  bool fill(Atom::Array& elements, std::size_t count, std::size_t depth) {
    elements.reserve(std::min(count, kMaxReserve));
    const auto append = [&elements]<typename T>(T&& value) {
      elements.emplace_back(std::forward<T>(value));
    };
    for (std::size_t i = 0; i < count; ++i) {
      if (!read_value(depth, append)) return false;
    }
    return true;
  }

  bool fill(Atom::Object& members, std::size_t pairs, std::size_t depth) {
    members.reserve(std::min(pairs, kMaxReserve));
    std::string_view key;
    const auto append = [&]<typename T>(T&& value) {
      members.emplace_back(key, std::in_place, std::forward<T>(value));
    };
    for (std::size_t i = 0; i < pairs; ++i) {
      if (!read_key(key) || !read_value(depth, append)) return false;
    }
    return true;
  }

  const char* at_;
  const char* const end_;
  std::uint64_t owed_ = 1;  // values that are announced and not yet read
};

}  // namespace

bool try_decode_msgpack_fast(std::span<const std::byte> payload, Atom& atom) {
  const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
  try {
    return FastReader(text).read_whole(atom);
  } catch (const ValidationError&) {
    return false;  // a duplicate key: the other decoder finds it again and says where
  }
}

}  // namespace protobase::format
