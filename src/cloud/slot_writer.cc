#include "cloud/slot_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/planted_bug.h"
#include "protobase/errors.h"

namespace protobase::cloud {

SlotWriter::Result SlotWriter::put(const SlotHeader& header, const Parts& parts) const {
  const std::string key = slot_key(header.number);
  Retry retry(bucket_.retry_parts());
  Doubt doubt = Doubt::kNone;
  const auto condition = base::is_planted(base::PlantedBug::kFenceDropped)
                             ? CloudPutCondition::overwrite()
                             : CloudPutCondition::if_absent();
  for (;;) {
    try {
      if (bucket_.client().put(key, parts, condition).stored) return {};
      // Who is it? We ourselves, perhaps, by a try that was sent twice on its way: until that is
      // known, ours may be there.
      const Doubt before = std::exchange(doubt, std::max(doubt, Doubt::kMayBeThere));
      if (const auto found = reader_.find(header.number)) return other_than(header, *found, before);
      if (!retry.wait()) {
        throw CloudStorageError(
            CloudFailure::kUnknown, 0,
            fmt::format("{}, object {}: said to exist, and not there", bucket_.location(), key));
      }
    } catch (const CloudStorageError& error) {
      if (error.failure() == CloudFailure::kUnknown) doubt = Doubt::kMayArrive;
      if (error.failure() == CloudFailure::kNotNow) doubt = std::max(doubt, Doubt::kMayBeThere);
      if (error.failure() == CloudFailure::kRefused) doubt = std::max(doubt, Doubt::kWasRefused);
      if (error.may_retry() && retry.wait()) continue;
      return give_up(header, doubt, std::current_exception());
    } catch (const ProtoBaseError&) {  // not authorised, no such bucket, a slot that is damaged
      doubt = std::max(doubt, Doubt::kWasRefused);
      return give_up(header, doubt, std::current_exception());
    }
  }
}

bool SlotWriter::is_open(Doubt doubt) noexcept { return doubt >= Doubt::kMayBeThere; }

SlotWriter::Result SlotWriter::other_than(const SlotHeader& header, const SlotHeader& found,
                                          Doubt doubt) {
  if (base::is_planted(base::PlantedBug::kForeignSlotBelieved)) return {};
  if (found.commit_id == header.commit_id) return {};
  return {found, nullptr, is_open(doubt)};
}

/// No further try.
SlotWriter::Result SlotWriter::give_up(const SlotHeader& header, Doubt doubt,
                                       const std::exception_ptr& why) const {
  if (doubt == Doubt::kMayArrive) std::rethrow_exception(why);
  if (doubt != Doubt::kNone) {
    try {
      if (const auto found = reader_.find(header.number)) return other_than(header, *found, doubt);
    } catch (const ProtoBaseError&) {
      if (is_open(doubt)) std::rethrow_exception(why);
    }
  }
  return {std::nullopt, why, is_open(doubt)};
}

}  // namespace protobase::cloud
