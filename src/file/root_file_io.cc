#include "file/root_file_io.h"

#include <algorithm>
#include <array>

namespace protobase::file {
namespace {

/// The largest sequence that was ever tried, as far as the file can tell.
std::uint64_t burnt_sequence(os::File& file) {
  try {
    const auto intent = read_intent(file);
    return intent && intent->last_sequence < kLargestSequence ? intent->last_sequence : 0;
  } catch (const os::ReadError&) {
    return 0;
  }
}

}  // namespace

bool try_read_root(os::File& file, std::span<std::byte> bytes) {
  try {
    file.read(0, bytes);
    return true;
  } catch (const os::ReadError&) {
    return false;
  }
}

std::optional<format::CommitIntent> read_intent(os::File& file) {
  std::array<std::byte, format::kIntentSize> bytes{};
  file.read(format::kIntentPlace, bytes);
  return format::read_intent(bytes);
}

void start_root_file(os::File& file, const std::optional<RootVersion>& newest,
                     std::uint64_t highest_sequence) {
  const format::CommitIntent none{
      0, std::max(highest_sequence, burnt_sequence(file)), {}, /*abandoned=*/true};
  std::array<std::byte, kRootFileSize> bytes{};
  std::ranges::copy(format::make_intent(none), bytes.begin() + format::kIntentPlace);
  if (newest) std::ranges::copy(format::make_published_root(*newest), bytes.begin());
  write_bytes(file, 0, bytes);
}

void write_bytes(os::File& file, std::uint64_t place, std::span<const std::byte> bytes) {
  file.write(place, {&bytes, 1});
}

}  // namespace protobase::file
