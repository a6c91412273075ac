#include "base/planted_bug.h"

#ifdef PROTOBASE_PLANTED_BUGS

#include <array>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protobase/errors.h"

namespace protobase::base {
namespace {

constexpr std::array<std::pair<std::string_view, PlantedBug>, 12> kNames = {{
    {"no_data_sync", PlantedBug::kNoDataSync},
    {"no_directory_sync", PlantedBug::kNoDirectorySync},
    {"checksum_ignored", PlantedBug::kChecksumIgnored},
    {"address_not_checksummed", PlantedBug::kAddressNotChecksummed},
    {"retry_after_failed_sync", PlantedBug::kRetryAfterFailedSync},
    {"torn_tail_accepted", PlantedBug::kTornTailAccepted},
    {"root_before_data", PlantedBug::kRootBeforeData},
    {"lock_outlives_kill", PlantedBug::kLockOutlivesKill},
    {"fence_dropped", PlantedBug::kFenceDropped},
    {"foreign_slot_believed", PlantedBug::kForeignSlotBelieved},
    {"boundary_ignored", PlantedBug::kBoundaryIgnored},
    {"claims_removed", PlantedBug::kClaimsRemoved},
}};

std::optional<PlantedBug> read_environment() {
  const char* const value = std::getenv("PROTOBASE_PLANTED_BUG");
  if (value == nullptr) return std::nullopt;
  for (const auto& [name, bug] : kNames) {
    if (name == value) return bug;
  }
  throw ValidationError("PROTOBASE_PLANTED_BUG: there is no bug " + std::string(value));
}

}  // namespace

bool is_planted(PlantedBug bug) noexcept {
  static const std::optional<PlantedBug> planted = read_environment();
  return planted == bug;
}

}  // namespace protobase::base

#endif
