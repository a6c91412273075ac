// What a store in a bucket costs, at the list prices that docs/guide/cloud.md states.
#pragma once

#include <cstdint>
#include <string>

#include "cli/location.h"
#include "protobase/atom.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cli {

/// In US dollars.
struct CloudPrices {
  const char* name;
  double gib_month;      ///< of what is stored
  double thousand_puts;  ///< and lists
  double thousand_gets;  ///< deletes cost nothing
};

const CloudPrices& prices_of(BucketKind kind);

struct CloudCost {
  double storage_month = 0;
  double thousand_commits = 0;  ///< a PUT each
  double thousand_cold_gets = 0;
  double day = 0;  ///< what is stored, and a commit every second
};

/// Without data that leaves the region of the bucket.
CloudCost cost_of(std::uint64_t stored_bytes, const CloudPrices& prices);

/// Of requests that were made.
double cost_of(const CloudRequestCounts& requests, const CloudPrices& prices);

/// "$0.023", two digits of it at least, never rounded to nothing.
std::string dollars(double amount);

/// For stat --json.
Atom cloud_atom(const CloudRequestCounts& requests, std::uint64_t stored_bytes, BucketKind kind);

}  // namespace protobase::cli
