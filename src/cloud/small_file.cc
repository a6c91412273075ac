#include "cloud/small_file.h"

#include <cstdint>
#include <span>

#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

constexpr std::uint64_t kMaxFileBytes = 1 << 20;

}  // namespace

std::optional<std::string> read_small_file(os::FileSystem& file_system, const std::string& path,
                                           const std::string& setting) {
  if (file_system.kind_of(path) == os::FileKind::kDirectory) {
    throw ValidationError(path + " is a directory; look at " + setting + ", which names a file");
  }
  try {
    const auto file = file_system.open(path, os::OpenMode::kRead);
    if (!file) return std::nullopt;
    std::string text(kMaxFileBytes + 1, '\0');
    text.resize(file->read(0, std::as_writable_bytes(std::span(text))));
    if (text.size() <= kMaxFileBytes) return text;
  } catch (const NotAuthorizedError& error) {
    throw NotAuthorizedError(std::string(error.what()) + "; look at the file's rights, or at " +
                             setting);
  }
  throw ValidationError(path + ": more than 1 MiB; look at " + setting + ", which names it");
}

}  // namespace protobase::cloud
