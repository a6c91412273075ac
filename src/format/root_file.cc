#include "format/root_file.h"

#include <cstring>
#include <string>

#include "base/endian.h"
#include "base/hash.h"
#include "format/pointer_bytes.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

constexpr std::array<unsigned char, 8> kMagic{'P', 'B', 'R', 'O', 'O', 'T', '\r', '\n'};
constexpr std::uint32_t kVersion = 1;

bool checks(std::span<const std::byte> bytes, std::size_t checksum_place) noexcept {
  return base::load_le<std::uint64_t>(bytes.data() + checksum_place) ==
         base::xxh3(bytes.first(checksum_place));
}

}  // namespace

std::array<std::byte, kPublishedRootSize> make_published_root(const RootVersion& version) noexcept {
  std::array<std::byte, kPublishedRootSize> bytes{};
  std::byte* p = bytes.data();
  std::memcpy(p, kMagic.data(), kMagic.size());
  base::store_le<std::uint32_t>(p + 8, kVersion);
  base::store_le<std::uint64_t>(p + 16, version.sequence);
  base::store_le<std::uint64_t>(p + 24, version.previous_sequence);
  base::store_le<std::int64_t>(p + 32, version.time_us);
  store_pointer(p + 40, version.root);
  store_pointer(p + 64, version.commit);
  store_pointer(p + 88, version.previous_commit);
  base::store_le<std::uint64_t>(p + 128, base::xxh3(std::span<const std::byte>(bytes).first(128)));
  return bytes;
}

std::optional<RootVersion> read_published_root(
    std::span<const std::byte, kPublishedRootSize> bytes) {
  const std::byte* p = bytes.data();
  if (std::memcmp(p, kMagic.data(), kMagic.size()) != 0) return std::nullopt;
  const auto found_version = base::load_le<std::uint32_t>(p + 8);
  if (!checks(bytes, 128)) return std::nullopt;
  if (found_version > kVersion) {
    throw NotSupportedError("protobase.root has format version " + std::to_string(found_version) +
                            "; this program reads up to " + std::to_string(kVersion) +
                            ": use a newer one");
  }
  RootVersion version;
  version.sequence = base::load_le<std::uint64_t>(p + 16);
  version.previous_sequence = base::load_le<std::uint64_t>(p + 24);
  version.time_us = base::load_le<std::int64_t>(p + 32);
  version.root = load_pointer(p + 40);
  version.commit = load_pointer(p + 64);
  version.previous_commit = load_pointer(p + 88);
  return version;
}

std::array<std::byte, kIntentSize> make_intent(const CommitIntent& intent) noexcept {
  std::array<std::byte, kIntentSize> bytes{};
  std::byte* p = bytes.data();
  base::store_le<std::uint64_t>(p, intent.first_sequence);
  base::store_le<std::uint64_t>(p + 8, intent.last_sequence);
  store_pointer(p + 16, intent.scan_from);
  base::store_le<std::uint64_t>(p + 40, intent.abandoned ? 1 : 0);
  base::store_le<std::uint64_t>(p + 48, base::xxh3(std::span<const std::byte>(bytes).first(48)));
  return bytes;
}

std::optional<CommitIntent> read_intent(std::span<const std::byte, kIntentSize> bytes) noexcept {
  if (!checks(bytes, 48)) return std::nullopt;
  const std::byte* p = bytes.data();
  CommitIntent intent;
  intent.first_sequence = base::load_le<std::uint64_t>(p);
  intent.last_sequence = base::load_le<std::uint64_t>(p + 8);
  intent.scan_from = load_pointer(p + 16);
  intent.abandoned = base::load_le<std::uint64_t>(p + 40) != 0;
  return intent;
}

}  // namespace protobase::format
