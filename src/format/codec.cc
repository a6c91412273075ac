// The two codecs behind the format byte, and the text face of Atom, which is JSON.
#include "format/codec.h"

#include <ostream>
#include <string_view>

#include "format/json_decoder.h"
#include "format/json_encoder.h"
#include "format/msgpack_codec.h"
#include "protobase/errors.h"

namespace protobase {
namespace format {
namespace {

[[noreturn]] void throw_no_codec(RecordFormat format) {
  if (format == RecordFormat::kRaw) {
    throw ValidationError("record holds raw bytes, not an atom: use push_bytes and get_bytes");
  }
  throw ValidationError("unknown record format " + std::to_string(static_cast<int>(format)));
}

}  // namespace

void encode(const Atom& atom, RecordFormat format, std::string& out) {
  switch (format) {
    case RecordFormat::kJSON: return encode_json(atom, NonFinite::kRefuse, out);
    case RecordFormat::kMsgPack: return encode_msgpack(atom, out);
    case RecordFormat::kRaw: break;
  }
  throw_no_codec(format);
}

Atom decode(std::span<const std::byte> payload, RecordFormat format, JSONDialect dialect) {
  const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
  switch (format) {
    case RecordFormat::kJSON: return decode_json(text, dialect);
    case RecordFormat::kMsgPack: return decode_msgpack(payload);
    case RecordFormat::kRaw: break;
  }
  throw_no_codec(format);
}

}  // namespace format

std::string Atom::to_json() const {
  std::string text;
  format::encode_json(*this, format::NonFinite::kPrint, text);
  return text;
}

Atom Atom::parse_json(std::string_view text) {
  return format::decode_json(text, format::JSONDialect::kVersion1);
}

std::ostream& Atom::print(std::ostream& out, const Atom& atom) { return out << atom.to_json(); }

}  // namespace protobase
