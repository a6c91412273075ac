// Base64: every text is either refused or exactly what its bytes are written as, as a plain
// decoder of RFC 4648 says too.
#include <string>

#include "base/base64.h"
#include "fuzz/fuzzing.h"

namespace {

using protobase::Bytes;
using protobase::base::append_base64;
using protobase::base::decode_canonical_base64;
using protobase::fuzz::require;

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bit by bit: the bytes of a text of letters and up to two `=`, whatever its last bits are.
std::optional<Bytes> decode_plainly(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string_view letters = text;
  while (text.size() - letters.size() < 2 && letters.ends_with('=')) letters.remove_suffix(1);
  Bytes bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char letter : letters) {
    const auto value = kAlphabet.find(letter);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if ((count += 6) < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<std::byte>(bits >> count & 0xFF));
  }
  return bytes;
}

std::string encode(std::span<const std::byte> bytes) {
  std::string text = "kept";
  append_base64(bytes, text);
  require(text.starts_with("kept"));
  return text.substr(4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const std::string written = encode(bytes);
  require(written.size() == (size + 2) / 3 * 4);
  require(decode_canonical_base64(written) == Bytes(bytes.begin(), bytes.end()));

  const std::string_view text = protobase::fuzz::as_text(bytes);
  const auto plain = decode_plainly(text);
  const bool canonical = plain && encode(*plain) == text;
  require(decode_canonical_base64(text) == (canonical ? plain : std::nullopt));
  return 0;
}
