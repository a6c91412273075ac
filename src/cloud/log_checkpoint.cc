#include "cloud/log_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/endian.h"
#include "base/hash.h"
#include "cloud/slot.h"
#include "format/codec.h"
#include "protobase/atom.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

constexpr char kMagic[9] = "PBCKPT\r\n";
constexpr std::size_t kHeaderSize = 24;
constexpr std::size_t kChecksumPlace = 16;
// The fourth field of a WAL of the Python storage; others have three.
constexpr std::uint64_t kLegacyLayout = 1;

Atom uuid_atom(const UUID& id) { return Atom::bytes(std::as_bytes(std::span(id.bytes))); }

UUID read_uuid(const Atom& atom) {
  const Bytes& bytes = atom.as_bytes();
  UUID id;
  if (bytes.size() != id.bytes.size()) throw ValidationError("an id is not 16 bytes long");
  std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
  return id;
}

Atom::Array pointer_atoms(const AtomPointer& pointer) {
  return {uuid_atom(pointer.transaction_id), pointer.offset};
}

AtomPointer read_pointer(const Atom& atom, std::size_t at) {
  return {read_uuid(atom.at(at)), atom.at(at + 1).as_uint64()};
}

Atom root_atom(const std::optional<RootVersion>& root) {
  if (!root) return nullptr;
  Atom::Array fields{root->sequence, root->previous_sequence, root->time_us};
  for (const AtomPointer& pointer : {root->root, root->commit, root->previous_commit}) {
    for (Atom& field : pointer_atoms(pointer)) fields.push_back(std::move(field));
  }
  return Atom::array(std::move(fields));
}

std::optional<RootVersion> read_root(const Atom& atom) {
  if (atom.is_null()) return std::nullopt;
  return RootVersion{read_pointer(atom, 3), atom.at(0).as_uint64(), atom.at(1).as_uint64(),
                     atom.at(2).as_int64(), read_pointer(atom, 5),  read_pointer(atom, 7)};
}

Atom where_atom(const Extent& extent) {
  if (extent.slot != 0) return extent.slot;
  return extent.segment_id.is_nil() ? Atom::bytes({}) : uuid_atom(extent.segment_id);
}

Extent read_extent(const Atom& atom) {
  Extent extent;
  extent.end = atom.at(0).as_uint64();
  const Atom& where = atom.at(1);
  if (where.kind() == AtomKind::kInteger) {
    extent.slot = where.as_uint64();
  } else if (!where.as_bytes().empty()) {
    extent.segment_id = read_uuid(where);
  }
  return extent;
}

Atom index_atom(const WALIndex& index) {
  Atom::Array wals;
  for (const IndexedWAL& wal : index.wals()) {
    Atom::Array extents;
    extents.reserve(wal.extents.size());
    for (const Extent& extent : wal.extents) {
      extents.push_back(Atom::array({extent.end, where_atom(extent)}));
    }
    Atom::Array fields{uuid_atom(wal.id), wal.records, Atom::array(std::move(extents))};
    if (wal.layout == WALLayout::kLegacyPython) fields.emplace_back(kLegacyLayout);
    wals.push_back(Atom::array(std::move(fields)));
  }
  return Atom::array(std::move(wals));
}

bool read_is_legacy(const Atom::Array& fields, std::uint32_t version) {
  if (fields.size() == 3) return false;
  if (version < 2 || fields.size() != 4 || fields[3].as_uint64() != kLegacyLayout) {
    throw ValidationError("a WAL of an unknown layout");
  }
  return true;
}

void read_wal(const Atom& atom, std::uint32_t version, WALIndex& index) {
  const UUID id = read_uuid(atom.at(0));
  if (index.find(id) != nullptr) throw ValidationError("a WAL is listed twice");
  const bool is_legacy = read_is_legacy(atom.as_array(), version);
  if (is_legacy) index.add_legacy(id);
  std::uint64_t end = is_legacy ? 0 : kWALFirstRecordOffset;
  for (const Atom& entry : atom.at(2).as_array()) {
    const Extent extent = read_extent(entry);
    if (extent.end <= end) throw ValidationError("the extents of a WAL are out of order");
    if (extent.end > kMaxWALSize) throw ValidationError("a WAL is longer than any can be");
    if (is_legacy && extent.slot != 0) throw ValidationError("a legacy WAL lies in slots");
    end = extent.end;
    index.add(id, extent);
  }
  index.set_records(id, atom.at(1).as_uint64());
}

WALIndex read_index(const Atom& atom, std::uint32_t version) {
  WALIndex index;
  for (const Atom& wal : atom.as_array()) read_wal(wal, version, index);
  return index;
}

/// Programs that know version 1 only would take a legacy WAL for one of version 1.
std::uint32_t version_for(const LogCheckpoint& checkpoint) {
  const auto& wals = checkpoint.index.wals();
  const bool has_legacy = std::any_of(wals.begin(), wals.end(), [](const IndexedWAL& wal) {
    return wal.layout == WALLayout::kLegacyPython;
  });
  return has_legacy || checkpoint.inherited_root ? kCheckpointVersion : 1;
}

LogCheckpoint read_value(std::span<const std::byte> payload, std::uint32_t version) {
  const Atom value =
      format::decode(payload, RecordFormat::kMsgPack, format::JSONDialect::kVersion1);
  LogCheckpoint checkpoint;
  checkpoint.store = read_uuid(value.at("store"));
  checkpoint.slot = value.at("slot").as_uint64();
  checkpoint.boundary = value.at("boundary").as_uint64();
  checkpoint.epoch = value.at("epoch").as_uint64();
  checkpoint.root = read_root(value.at("root"));
  if (const Atom* const inherited = value.find("inherited"); inherited != nullptr) {
    checkpoint.inherited_root = read_pointer(*inherited, 0);
  }
  checkpoint.index = read_index(value.at("wals"), version);
  if (checkpoint.boundary == 0 || checkpoint.boundary > checkpoint.slot + 1) {
    throw ValidationError("its boundary lies behind its slot");
  }
  return checkpoint;
}

[[noreturn]] void throw_damaged(const std::string& location, const std::string& problem) {
  throw CorruptionError(fmt::format("{}, object {}: {}", location, kCheckpointKey, problem));
}

/// Of all but itself: so a version that nobody wrote is damage, not a newer format.
std::uint64_t checksum_of(std::span<const std::byte> object) {
  base::HashStream hash;
  hash.add(object.first(kChecksumPlace));
  hash.add(object.subspan(kHeaderSize));
  return hash.value();
}

}  // namespace

Bytes write_checkpoint(const LogCheckpoint& checkpoint) {
  Atom::Object fields{
      {"store", uuid_atom(checkpoint.store)}, {"slot", checkpoint.slot},
      {"boundary", checkpoint.boundary},      {"epoch", checkpoint.epoch},
      {"root", root_atom(checkpoint.root)},   {"wals", index_atom(checkpoint.index)}};
  if (checkpoint.inherited_root) {
    fields.emplace_back("inherited", Atom::array(pointer_atoms(*checkpoint.inherited_root)));
  }
  const Atom value = Atom::object(std::move(fields));
  std::string payload;
  format::encode(value, RecordFormat::kMsgPack, payload);
  Bytes object(kHeaderSize + payload.size());
  std::memcpy(object.data(), kMagic, 8);
  base::store_le<std::uint32_t>(object.data() + 8, version_for(checkpoint));
  std::memcpy(object.data() + kHeaderSize, payload.data(), payload.size());
  base::store_le<std::uint64_t>(object.data() + kChecksumPlace, checksum_of(object));
  return object;
}

LogCheckpoint read_checkpoint(std::span<const std::byte> object, const std::string& location) {
  if (object.size() < kHeaderSize || std::memcmp(object.data(), kMagic, 8) != 0) {
    throw ForeignCheckpointError(fmt::format(
        "{}, object {}: this is no checkpoint of a ProtoBase store", location, kCheckpointKey));
  }
  const auto expected = base::load_le<std::uint64_t>(object.data() + kChecksumPlace);
  if (const std::uint64_t found = checksum_of(object); expected != found) {
    throw_damaged(location,
                  fmt::format("expected checksum {:016x}, found {:016x}", expected, found));
  }
  const auto version = base::load_le<std::uint32_t>(object.data() + 8);
  if (version > kCheckpointVersion) {
    throw NotSupportedError(
        fmt::format("{}, object {}: format version {}, this program knows versions up to {}; use a "
                    "newer one",
                    location, kCheckpointKey, version, kCheckpointVersion));
  }
  if (version == 0) throw_damaged(location, "there is no format version 0");
  try {
    return read_value(object.subspan(kHeaderSize), version);
  } catch (const ProtoBaseError& error) {
    throw_damaged(location, std::string("its content cannot be: ") + error.what());
  }
}

}  // namespace protobase::cloud
