// What salvage_space() reads, wherever it lies: a damaged space, shown as the files of a directory.
// storage/cloud/bucket_salvage_source.h shows a bucket so.
#pragma once

#include <vector>

#include "file/space_directory.h"
#include "protobase/salvage.h"
#include "protobase/storage.h"
#include "protobase/wal.h"
#include "storage/space_transfer.h"

namespace protobase::storage {

class SalvageSource {
 public:
  SalvageSource() = default;
  virtual ~SalvageSource() = default;
  SalvageSource(const SalvageSource&) = delete;
  SalvageSource& operator=(const SalvageSource&) = delete;

  /// Only read.
  virtual const file::SpaceDirectory& space() const = 0;
  virtual SourceName name() const = 0;
  /// ValidationError: `target` lies within the source, or is it.
  virtual void check_apart(const file::SpaceDirectory& target) const = 0;
  /// Whether something beside the WALs says how far each of them goes; their headers show that as
  /// the durable offset. What follows is in doubt then, however whole it is.
  virtual bool has_log() const = 0;
  /// The parts of a range where no record can be read, each with what is known of it.
  virtual std::vector<RecordInfo> explain(const RecordInfo& bad) const = 0;
  /// What is known to be lost and is no range of a WAL. Ask when everything was read.
  virtual std::vector<BadPlace> other_losses() const = 0;
};

/// Errors as the public function.
SalvageReport salvage_space(SalvageSource& source, const file::SpaceDirectory& target,
                            const Progress& progress);

}  // namespace protobase::storage
