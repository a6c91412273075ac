// copy_space() from a directory to another one.
#include "protobase/copy.h"

#include <memory>
#include <string>

#include "os/file_system.h"
#include "storage/directory_copy.h"

namespace protobase {

CopyReport storage::copy_space(const std::shared_ptr<os::FileSystem>& files,
                               const std::string& from, const std::string& to,
                               const Progress& progress) {
  DirectoryCopySource source(files, from);
  const file::SpaceDirectory target(files, to);
  check_apart(source.directory(), target);
  return copy_to_directory(source, target, progress);
}

CopyReport copy_space(
    const std::string& from, const std::string& to,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
  return storage::copy_space(os::posix_file_system(), from, to, progress);
}

}  // namespace protobase
