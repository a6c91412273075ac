// The two halves of copy_space() that deal with a directory: reading one that may be in use, and
// making one.
//
// A WAL of the target is whatever prefix of the source's WAL its records make up, which is how an
// interrupted copy goes on.
#pragma once

#include <memory>
#include <string>

#include "file/space_damage.h"
#include "storage/copy_source.h"

namespace protobase::storage {

class DirectoryCopySource final : public CopySource {
 public:
  /// Fixes what is copied: root and WAL ends of one moment, in which nobody commits. NotFoundError:
  /// no space. CorruptionError: damage that opening finds.
  DirectoryCopySource(const std::shared_ptr<os::FileSystem>& files, const std::string& path);

  const file::SpaceDirectory& directory() const noexcept { return directory_; }
  const SourceName& name() const override { return name_; }
  const CopiedState& state() const override { return state_; }
  wal::ReadSome open(const CopiedWAL& wal) override;
  void copy_python_files(const file::SpaceDirectory& target) override;

 private:
  void read_state();
  void add_wal(const WALDescription& description);

  const std::shared_ptr<os::FileSystem> file_system_;
  const file::SpaceDirectory directory_;
  const SourceName name_;
  file::WALChain chain_;
  CopiedState state_;
};

/// Makes `target`, which must be absent, empty, or an interrupted copy of the same source; durable
/// on return.
CopyReport copy_to_directory(CopySource& source, const file::SpaceDirectory& target,
                             const Progress& progress);

}  // namespace protobase::storage
