// A WAL of the Python storage in a directory of its: what is found is what a naive reader of
// section 13 of docs/internals/file_format.md finds; the file is never changed, and a store that
// goes on beside it still reads it.
//
// Input: u16 the offset that space_root names (0xFFFF: there is none), then the WAL.
#include <algorithm>
#include <string>
#include <vector>

#include "format/json_decoder.h"
#include "format/msgpack_codec.h"
#include "fuzz/fuzzing.h"
#include "fuzz/memory_space.h"
#include "protobase/errors.h"

namespace {

using namespace protobase;
using fuzz::MemorySpace;
using fuzz::require;
using fuzz::result_unless;

constexpr std::string_view kName = "00112233-4455-4677-8899-aabbccddeeff";

UUID legacy_wal() { return UUID::parse(kName).value_or(UUID{}); }

struct Record {
  std::uint64_t offset = 0;
  std::uint64_t header_size = 0;
  std::uint64_t length = 0;
  RecordFormat format = RecordFormat::kRaw;

  std::uint64_t end() const { return offset + header_size + length; }
};

class NaiveReader {
 public:
  explicit NaiveReader(std::span<const std::byte> file) : file_(file) {}

  /// The record at `offset`, unless its length runs past the end.
  std::optional<Record> record_at(std::uint64_t offset) const {
    const auto with = read_as(offset, 9);
    const auto without = read_as(offset, 8);
    if (with && (leads_on(*with, 4) || !without || !leads_on(*without, 4))) return with;
    return without;
  }

 private:
  std::optional<Record> read_as(std::uint64_t offset, std::uint64_t header_size) const {
    if (offset + header_size > file_.size()) return std::nullopt;
    std::uint64_t length = 0;
    std::memcpy(&length, file_.data() + offset, 8);
    const std::uint64_t rest = file_.size() - offset - header_size;
    if (length > rest || length > 2147483648u) return std::nullopt;
    const auto next = offset + 8 < file_.size() ? std::to_integer<int>(file_[offset + 8]) : 0xFF;
    if (header_size == 9 && next > 2) return std::nullopt;
    if (header_size == 9) return Record{offset, 9, length, static_cast<RecordFormat>(next)};
    constexpr std::string_view kJSONStarts = "{[\"-0123456789tfnNI \t\r\n";
    const bool json = length > 0 && kJSONStarts.find(static_cast<char>(next)) != kJSONStarts.npos;
    return Record{offset, 8, length, json ? RecordFormat::kJSON : RecordFormat::kRaw};
  }

  /// Whether the file ends behind `record` or up to `count` further records follow one another.
  bool leads_on(const Record& record, int count) const {
    if (record.end() == file_.size() || count == 0) return true;
    const auto with = read_as(record.end(), 9);
    const auto without = read_as(record.end(), 8);
    return (with && leads_on(*with, count - 1)) || (without && leads_on(*without, count - 1));
  }

  const std::span<const std::byte> file_;
};

std::optional<Atom> decode(RecordFormat format, std::span<const std::byte> payload) {
  return result_unless<ValidationError>([&]() -> Atom {
    if (format == RecordFormat::kMsgPack) return format::decode_msgpack(payload);
    if (format == RecordFormat::kRaw) throw ValidationError("raw");
    return format::decode_json(fuzz::as_text(payload), format::JSONDialect::kLegacy);
  });
}

void check_atom(SharedStorage& storage, const AtomPointer& pointer, RecordFormat format,
                std::span<const std::byte> payload) {
  const auto atom = result_unless<ValidationError>([&] { return *storage.get_atom(pointer); });
  require(atom == decode(format, payload));
}

/// What cannot be read back is damage; of what can, no atom and no raw bytes are.
void check_kind(const RecordInfo& info, std::span<const std::byte> file,
                const std::optional<Record>& record) {
  if (info.kind == RecordKind::kData) return require(record && record->format == info.format);
  require(info.kind == RecordKind::kBad);
  if (!record) return;
  const auto payload = file.subspan(record->offset + record->header_size, record->length);
  require(record->format != RecordFormat::kRaw && !decode(record->format, payload));
}

/// `is_listed`: no damaged length comes before it.
void check_record(SharedStorage& storage, std::span<const std::byte> file, const Record& record,
                  bool is_listed) {
  const AtomPointer pointer{legacy_wal(), record.offset};
  const SharedBytes bytes = storage.get_bytes(pointer);
  const auto payload = file.subspan(record.offset + record.header_size, record.length);
  require(std::ranges::equal(bytes.span(), payload));
  require(storage.get_format(pointer) == record.format);
  check_atom(storage, pointer, record.format, payload);
  if (record.end() - record.offset < 2 || !is_listed) return;
  require(!result_unless<NotFoundError>([&] {
    return storage.get_bytes({pointer.transaction_id, pointer.offset + 1});
  }));
}

void check_records(SharedStorage& storage, std::span<const std::byte> file) {
  constexpr int kReadBack = 16;  // each costs a buffer of 256 KiB
  const NaiveReader naive(file);
  std::uint64_t at = 0;
  int read_back = 0;
  bool is_listed = true;
  storage.scan_wal(legacy_wal(), [&](const RecordInfo& info) {
    require(info.pointer.offset == at);
    const auto record = naive.record_at(at);
    check_kind(info, file, record);
    at += info.stored_size;
    is_listed = is_listed && record;
    if (!record) return true;
    require(record->end() == at);
    if (read_back++ < kReadBack) check_record(storage, file, *record, is_listed);
    return true;
  });
  require(at == file.size());
  storage.verify({});
}

std::optional<AtomPointer> put_files(MemorySpace& space, std::uint16_t root_offset,
                                     std::span<const std::byte> wal) {
  space.put(std::string(kName), wal);
  if (root_offset == 0xFFFF) return std::nullopt;
  const std::string root = "{\"transaction_id\": \"" + std::string(kName) +
                           "\", \"offset\": " + std::to_string(root_offset) + "}";
  space.put("space_root", as_bytes(root));
  return AtomPointer{legacy_wal(), root_offset};
}

/// A store that goes on beside the legacy WAL.
void check_going_on(MemorySpace& space, std::span<const std::byte> file) {
  const auto storage = space.open(SpaceAccess::kReadWrite);
  check_records(*storage, file);
  const AtomPointer pointer = storage->push_atom(Atom("new"));
  storage->set_current_root(pointer);
  require(storage->root_history(10).front().root == pointer);
  storage->close();
  const auto reader = space.open(SpaceAccess::kReadOnly);
  require(reader->read_current_root() == pointer);
  require(std::ranges::equal(space.content(std::string(kName)), file));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  MemorySpace space;
  const auto root_offset = input.integer<std::uint16_t>();
  const auto root = put_files(space, root_offset, input.rest());
  const std::uint64_t untouched = space.hash();
  {
    const auto reader = space.open(SpaceAccess::kReadOnly);
    check_records(*reader, input.rest());
    require(reader->read_current_root() == root);
  }
  require(space.hash() == untouched);
  check_going_on(space, input.rest());
  return 0;
}
