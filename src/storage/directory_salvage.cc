// salvage_space() of a space in a directory.
#include <memory>
#include <string>
#include <vector>

#include "os/file_system.h"
#include "protobase/salvage.h"
#include "storage/salvage_source.h"
#include "storage/space_transfer.h"

namespace protobase {
namespace {

class DirectorySalvageSource final : public storage::SalvageSource {
 public:
  explicit DirectorySalvageSource(file::SpaceDirectory space) : space_(std::move(space)) {}

  const file::SpaceDirectory& space() const override { return space_; }
  storage::SourceName name() const override { return storage::SourceName::of(space_); }
  void check_apart(const file::SpaceDirectory& target) const override {
    storage::check_apart(space_, target);
  }
  bool has_log() const override { return false; }
  std::vector<RecordInfo> explain(const RecordInfo& bad) const override { return {bad}; }
  std::vector<BadPlace> other_losses() const override { return {}; }

 private:
  const file::SpaceDirectory space_;
};

}  // namespace

SalvageReport storage::salvage_space(const std::shared_ptr<os::FileSystem>& files,
                                     const std::string& from, const std::string& to,
                                     const Progress& progress) {
  DirectorySalvageSource source(file::SpaceDirectory(files, from));
  return salvage_space(source, file::SpaceDirectory(files, to), progress);
}

SalvageReport salvage_space(
    const std::string& from, const std::string& to,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
  return storage::salvage_space(os::posix_file_system(), from, to, progress);
}

}  // namespace protobase
