// copy_space() between places of any kind.
#include "protobase/cloud_copy.h"

#include <memory>

#include "base/check_range.h"
#include "os/file_system.h"
#include "storage/cloud/bucket_copy.h"
#include "storage/cloud/bucket_copy_source.h"
#include "storage/cloud/copy_parts.h"
#include "storage/directory_copy.h"

namespace protobase {
namespace {

CopyReport copy_directory(const std::string& from, const SpacePlace& to,
                          const CloudCopyOptions& options) {
  if (!to.bucket) return copy_space(from, to.directory, options.progress);
  storage::DirectoryCopySource source(os::posix_file_system(), from);
  return storage::copy_to_bucket(source, to.bucket, options);
}

CopyReport copy_bucket(const std::shared_ptr<CloudStorageClient>& from, const SpacePlace& to,
                       const CloudCopyOptions& options) {
  storage::BucketCopySource source(from, options);
  if (to.bucket) return storage::copy_to_bucket(source, to.bucket, options);
  const file::SpaceDirectory target(os::posix_file_system(), to.directory);
  return storage::copy_to_directory(source, target, options.progress);
}

}  // namespace

void CloudCopyOptions::validate() const {
  using base::check_range;
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  check_range<std::uint64_t>("segment_size", segment_size, kMiB, 64 * kMiB);
  check_range<unsigned>("max_parallel_requests", max_parallel_requests, 1, 64);
  check_range<std::uint64_t>("request_timeout_ms", request_timeout_ms, 1, 3'600'000);
}

CopyReport copy_space(const SpacePlace& from, const SpacePlace& to,
                      const CloudCopyOptions& options) {
  storage::check_place(from);
  storage::check_place(to);
  options.validate();
  return from.bucket ? copy_bucket(from.bucket, to, options)
                     : copy_directory(from.directory, to, options);
}

}  // namespace protobase
