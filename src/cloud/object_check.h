// Whether the objects that the index of a log names are in the bucket. What is in them, the records
// tell; in those of legacy WALs, which have no checksums, check_legacy_segments().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cloud/bucket.h"
#include "cloud/slot.h"
#include "cloud/wal_index.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/wal.h"

namespace protobase::cloud {

/// For one thread.
class ObjectCheck final {
 public:
  /// Lists the bucket.
  explicit ObjectCheck(Bucket bucket);

  struct Bad {
    BadPlace place;
    Extent extent;
  };

  /// Objects of WALs of version 1 that are missing, or too small. What was not listed is asked for
  /// once more, because it may have come since.
  std::vector<Bad> find_bad(const WALIndex& index) const;
  /// As list_unknown_merges().
  std::vector<SegmentName> unknown_merges(const WALIndex& index) const;

 private:
  std::optional<std::uint64_t> size_of(const std::string& key) const;

  const Bucket bucket_;
  std::unordered_map<std::string, std::uint64_t> listed_;
};

}  // namespace protobase::cloud
