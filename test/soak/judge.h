// Judges a store by the records of all who wrote it: what was acknowledged is there, nothing else
// is, and the root moved as if every call had happened at one moment between its beginning and end.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>

#include "protobase/storage.h"
#include "test/soak/record.h"

namespace protobase::soak {

/// The promise was broken: how.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Judgement {
  std::uint64_t commits = 0;       ///< in the history
  std::uint64_t acknowledged = 0;  ///< of those
  std::uint64_t atoms = 0;         ///< that had to be there, and were
  std::uint64_t reads = 0;         ///< of the root, checked for their place in the history
};

/// What reads of the root promise.
enum class Reads {
  kNewest,  ///< what was acknowledged before
  /// Some root of the history: a writer in a bucket does not ask whether it was deposed.
  kMayBeOld,
};

/// `records` are those of every process that ever opened the space; none of them still writes.
/// Throws Violation, and what the storage throws.
Judgement judge(SharedStorage& storage, std::span<const Record> records,
                Reads reads = Reads::kNewest);

}  // namespace protobase::soak
