// salvage_space() from places of any kind.
#include "protobase/cloud_salvage.h"

#include "os/file_system.h"
#include "storage/cloud/bucket_salvage_source.h"
#include "storage/cloud/copy_parts.h"
#include "storage/salvage_source.h"

namespace protobase {

SalvageReport salvage_space(const SpacePlace& from, const std::string& to,
                            const CloudCopyOptions& options) {
  storage::check_place(from);
  options.validate();
  if (!from.bucket) return salvage_space(from.directory, to, options.progress);
  const file::SpaceDirectory target(os::posix_file_system(), to);
  storage::BucketSalvageSource source(from.bucket, options);
  return storage::salvage_space(source, target, options.progress);
}

}  // namespace protobase
