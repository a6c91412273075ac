#include "cloud/log_checkpoint.h"

#include <fmt/format.h>

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

Atom uuid_atom(const UUID& id) { return Atom::bytes(std::as_bytes(std::span(id.bytes))); }

UUID read_uuid(const Atom& atom) {
  const Bytes& bytes = atom.as_bytes();
  UUID id;
  if (bytes.size() != id.bytes.size()) throw ValidationError("an id is not 16 bytes long");
  std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
  return id;
}

Atom root_atom(const std::optional<RootVersion>& root) {
  if (!root) return nullptr;
  Atom::Array fields{root->sequence, root->previous_sequence, root->time_us};
  for (const AtomPointer& pointer : {root->root, root->commit, root->previous_commit}) {
    fields.push_back(uuid_atom(pointer.transaction_id));
    fields.push_back(pointer.offset);
  }
  return Atom::array(std::move(fields));
}

std::optional<RootVersion> read_root(const Atom& atom) {
  if (atom.is_null()) return std::nullopt;
  const auto pointer = [&](std::size_t at) {
    return AtomPointer{read_uuid(atom.at(at)), atom.at(at + 1).as_uint64()};
  };
  return RootVersion{
      pointer(3), atom.at(0).as_uint64(), atom.at(1).as_uint64(), atom.at(2).as_int64(), pointer(5),
      pointer(7)};
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
    wals.push_back(Atom::array({uuid_atom(wal.id), wal.records, Atom::array(std::move(extents))}));
  }
  return Atom::array(std::move(wals));
}

WALIndex read_index(const Atom& atom) {
  WALIndex index;
  for (const Atom& wal : atom.as_array()) {
    const UUID id = read_uuid(wal.at(0));
    if (index.find(id) != nullptr) throw ValidationError("a WAL is listed twice");
    std::uint64_t end = kWALFirstRecordOffset;
    for (const Atom& entry : wal.at(2).as_array()) {
      const Extent extent = read_extent(entry);
      if (extent.end <= end) throw ValidationError("the extents of a WAL are out of order");
      end = extent.end;
      index.add(id, extent);
    }
    index.set_records(id, wal.at(1).as_uint64());
  }
  return index;
}

LogCheckpoint read_value(std::span<const std::byte> payload) {
  const Atom value =
      format::decode(payload, RecordFormat::kMsgPack, format::JSONDialect::kVersion1);
  LogCheckpoint checkpoint;
  checkpoint.store = read_uuid(value.at("store"));
  checkpoint.slot = value.at("slot").as_uint64();
  checkpoint.boundary = value.at("boundary").as_uint64();
  checkpoint.epoch = value.at("epoch").as_uint64();
  checkpoint.root = read_root(value.at("root"));
  checkpoint.index = read_index(value.at("wals"));
  if (checkpoint.boundary == 0 || checkpoint.boundary > checkpoint.slot + 1) {
    throw ValidationError("its boundary lies behind its slot");
  }
  return checkpoint;
}

[[noreturn]] void throw_damaged(const std::string& location, const std::string& problem) {
  throw CorruptionError(fmt::format("{}, object {}: {}", location, kCheckpointKey, problem));
}

}  // namespace

Bytes write_checkpoint(const LogCheckpoint& checkpoint) {
  const Atom value = Atom::object({{"store", uuid_atom(checkpoint.store)},
                                   {"slot", checkpoint.slot},
                                   {"boundary", checkpoint.boundary},
                                   {"epoch", checkpoint.epoch},
                                   {"root", root_atom(checkpoint.root)},
                                   {"wals", index_atom(checkpoint.index)}});
  std::string payload;
  format::encode(value, RecordFormat::kMsgPack, payload);
  Bytes object(kHeaderSize + payload.size());
  std::memcpy(object.data(), kMagic, 8);
  base::store_le<std::uint32_t>(object.data() + 8, kCloudFormatVersion);
  std::memcpy(object.data() + kHeaderSize, payload.data(), payload.size());
  base::store_le<std::uint64_t>(object.data() + kChecksumPlace, base::xxh3(as_bytes(payload)));
  return object;
}

LogCheckpoint read_checkpoint(std::span<const std::byte> object, const std::string& location) {
  if (object.size() < kHeaderSize || std::memcmp(object.data(), kMagic, 8) != 0) {
    throw_damaged(location, "this is no checkpoint of a ProtoBase store");
  }
  if (const auto version = base::load_le<std::uint32_t>(object.data() + 8);
      version > kCloudFormatVersion) {
    throw NotSupportedError(
        fmt::format("{}, object {}: format version {}, this program knows versions up to {}; use a "
                    "newer one",
                    location, kCheckpointKey, version, kCloudFormatVersion));
  }
  if (base::load_le<std::uint32_t>(object.data() + 8) != kCloudFormatVersion) {
    throw_damaged(location, "there is no format version 0");
  }
  const auto payload = object.subspan(kHeaderSize);
  const auto expected = base::load_le<std::uint64_t>(object.data() + kChecksumPlace);
  if (const std::uint64_t found = base::xxh3(payload); expected != found) {
    throw_damaged(location,
                  fmt::format("expected checksum {:016x}, found {:016x}", expected, found));
  }
  try {
    return read_value(payload);
  } catch (const ProtoBaseError& error) {
    throw_damaged(location, std::string("its content cannot be: ") + error.what());
  }
}

}  // namespace protobase::cloud
