#include "cloud/copy_marker.h"

#include <fmt/format.h>

#include "cloud/other_things.h"
#include "format/codec.h"
#include "protobase/atom.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

constexpr std::uint64_t kVersion = 1;
// The ids of 400,000 WALs; a longer one is damage.
constexpr std::uint64_t kMaxMarkerSize = std::uint64_t{16} << 20;

UUID read_id(const Atom& atom) {
  const auto id = UUID::parse(atom.as_string());
  if (!id) throw ValidationError("an id is none");
  return *id;
}

CopyMarker read_value(const Atom& value) {
  CopyMarker marker;
  marker.store = read_id(value.at("store"));
  marker.source = value.at("source").as_string();
  for (const Atom& wal : value.at("wals").as_array()) marker.wals.push_back(read_id(wal));
  return marker;
}

}  // namespace

Bytes write_copy_marker(const CopyMarker& marker) {
  Atom::Array wals;
  for (const UUID& wal : marker.wals) wals.emplace_back(wal.to_string());
  const std::string text = Atom::object({{"unfinished_copy", kVersion},
                                         {"store", marker.store.to_string()},
                                         {"source", marker.source},
                                         {"wals", Atom::array(std::move(wals))}})
                               .to_json();
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

CopyMarker read_copy_marker(std::span<const std::byte> object, const std::string& location) {
  try {
    const Atom value = format::decode(object, RecordFormat::kJSON, format::JSONDialect::kVersion1);
    if (const std::uint64_t version = value.at("unfinished_copy").as_uint64(); version > kVersion) {
      throw NotSupportedError(fmt::format(
          "{}, object {}: format version {}, this program knows versions up to {}; use a newer one",
          location, kCopyMarkerKey, version, kVersion));
    }
    return read_value(value);
  } catch (const ValidationError&) {
    throw_other_things(location, kCopyMarkerKey);
  }
}

std::optional<CopyMarker> find_copy_marker(const Bucket& bucket) {
  CloudGetOptions options;
  options.max_bytes = kMaxMarkerSize;
  const CloudGetResult got = bucket.get(kCopyMarkerKey, options);
  if (got.status != CloudGetStatus::kFound) return std::nullopt;
  return read_copy_marker(got.object.bytes.span(), bucket.location());
}

std::string unfinished_copy(const std::string& location, const CopyMarker& marker) {
  return fmt::format("{} holds an unfinished copy of {}: run the copy again, or empty the prefix",
                     location, marker.source);
}

}  // namespace protobase::cloud
