#include "engine/legacy_scan.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/endian.h"
#include "base/utf8.h"
#include "format/codec.h"
#include "os/file_system.h"
#include "protobase/errors.h"

namespace protobase::engine {
namespace {

constexpr std::uint64_t kStep = 1 << 20;
// Larger payloads are read, not decoded: an atom takes many times the memory of its text.
constexpr std::uint64_t kMaxDecoded = 64 << 20;
constexpr std::size_t kLengthSize = 8;
constexpr std::size_t kFullHeader = kLengthSize + 1;

bool decodes(std::string_view text) {
  try {
    format::decode(as_bytes(text), RecordFormat::kJSON, format::JSONDialect::kLegacy);
    return true;
  } catch (const ValidationError&) {
    return false;
  }
}

bool is_surrogate_escape(std::string_view text) noexcept {
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  return text.size() >= 6 && text[1] == 'u' && (text[2] == 'd' || text[2] == 'D') &&
         std::string_view("89abcdefABCDEF").find(text[3]) != std::string_view::npos &&
         text.substr(4, 2).find_first_not_of(kHex) == std::string_view::npos;
}

/// Every \uD8xx as \\D8xx: text that decodes then was JSON, but for surrogates without a partner.
std::string without_surrogates(std::string_view text) {
  std::string result(text);
  for (std::size_t at = 0; (at = result.find('\\', at)) != std::string::npos;) {
    if (is_surrogate_escape(std::string_view(result).substr(at))) result[at + 1] = '\\';
    at += 2;
  }
  return result;
}

bool is_one_of(char c, std::string_view characters) noexcept {
  return characters.find(c) != std::string_view::npos;
}

bool must_be_json(std::string_view text, bool has_format_byte) {
  if (has_format_byte && base::find_invalid_utf8(text)) return true;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  const char last = text[text.find_last_not_of(" \t\r\n")];
  const bool begins = is_one_of(text[first], "{[\"-0123456789");
  const bool ends = is_one_of(last, "}]\"0123456789");
  return has_format_byte ? begins || ends : begins && ends;
}

class LegacyScan {
 public:
  LegacyScan(const AtomPointer& begin, std::uint64_t end, const format::ReadExactly& read)
      : end_(end), read_(read), at_(begin) {}

  void run(const wal::VisitRecord& visit) {
    while (at_.offset < end_) {
      const RecordInfo info = look();
      if (!visit(info, {})) return;
      at_.offset += info.stored_size;
    }
  }

  /// At the record where the scan stands.
  RecordInfo look() {
    try {
      const auto record = parse();
      const auto damage = check_payload(record);
      if (damage) return bad(record.stored_size(), *damage);
      return {at_, RecordKind::kData, record.format, record.payload_size, record.stored_size(), {}};
    } catch (const CorruptionError& error) {
      return bad(lost_size().value_or(end_ - at_.offset), error.what());
    } catch (const os::ReadError& error) {
      return bad(end_ - at_.offset, cannot_be_read(error));
    }
  }

 private:
  RecordInfo bad(std::uint64_t size, const std::string& reason) const {
    return {at_, RecordKind::kBad, RecordFormat::kRaw, 0, size, reason};
  }

  static std::string cannot_be_read(const os::ReadError& error) {
    return std::string("cannot be read: ") + error.what();
  }

  /// The parser looks at the headers of the records behind this one to tell the layout: one that
  /// cannot be read speaks for neither, as zeros do.
  format::LegacyRecord parse() {
    length_ = 0;
    const auto read = [&](std::uint64_t offset, std::span<std::byte> out) {
      try {
        read_(offset, out);
      } catch (const os::ReadError&) {
        if (offset == at_.offset) throw;
        std::ranges::fill(out, std::byte{0});
      }
      if (offset == at_.offset) length_ = base::load_le<std::uint64_t>(out.data());
    };
    return format::parse_legacy_record(read, end_, at_);
  }

  std::optional<std::string> check_payload(const format::LegacyRecord& record) {
    const std::uint64_t begin = at_.offset + record.header_size;
    const std::uint64_t size = record.payload_size;
    const bool is_decoded = record.format != RecordFormat::kRaw && size <= kMaxDecoded;
    const std::uint64_t step = is_decoded ? size : std::min(kStep, size);
    payload_.resize(static_cast<std::size_t>(step));
    try {
      for (std::uint64_t done = 0; done < size; done += step) {
        const auto count = static_cast<std::size_t>(std::min(step, size - done));
        read_(begin + done, std::span(payload_).first(count));
      }
    } catch (const os::ReadError& error) {
      return cannot_be_read(error);
    }
    return is_decoded ? find_legacy_damage(payload_, record) : std::nullopt;
  }

  /// Of a record that salvage could not read, as it says itself.
  std::optional<std::uint64_t> lost_size() {
    if (length_ < kLegacyLost) return std::nullopt;
    const std::uint64_t size = kFullHeader + (length_ & ~kLegacyLost);
    return size <= end_ - at_.offset ? std::optional(size) : std::nullopt;
  }

  const std::uint64_t end_;
  const format::ReadExactly& read_;
  AtomPointer at_;
  std::uint64_t length_ = 0;  ///< of the record at at_, as it stands there
  std::vector<std::byte> payload_;
};

}  // namespace

void scan_legacy_wal(const UUID& wal, std::uint64_t end, const format::ReadExactly& read,
                     const wal::VisitRecord& visit) {
  LegacyScan({wal, 0}, end, read).run(visit);
}

RecordInfo look_at_legacy_record(const AtomPointer& where, std::uint64_t end,
                                 const format::ReadExactly& read) {
  return LegacyScan(where, end, read).look();
}

std::optional<std::string> find_legacy_damage(std::span<const std::byte> payload,
                                              const format::LegacyRecord& record) {
  if (record.format == RecordFormat::kRaw) return std::nullopt;
  try {
    format::decode(payload, record.format, format::JSONDialect::kLegacy);
    return std::nullopt;
  } catch (const ValidationError& error) {
    const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
    const bool is_json = record.format == RecordFormat::kJSON;
    const bool has_format_byte = record.header_size == kFullHeader;
    if (is_json && (!must_be_json(text, has_format_byte) || decodes(without_surrogates(text)))) {
      return std::nullopt;
    }
    return "expected an atom, found damaged " + std::string(error.what());
  }
}

}  // namespace protobase::engine
