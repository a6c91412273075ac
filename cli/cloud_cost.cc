// See cloud_cost.h.
#include "cli/cloud_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace protobase::cli {
namespace {

constexpr CloudPrices kS3Prices{"S3 Standard, us-east-1, November 2026", 0.023, 0.005, 0.0004};
constexpr CloudPrices kGooglePrices{"Google Standard, us-central1, November 2026", 0.020, 0.005,
                                    0.0004};
constexpr double kBytesPerGiB = 1024.0 * 1024.0 * 1024.0;
constexpr double kDaysPerMonth = 30;
constexpr double kSecondsPerDay = 86'400;

}  // namespace

const CloudPrices& prices_of(BucketKind kind) {
  return kind == BucketKind::kS3 ? kS3Prices : kGooglePrices;
}

CloudCost cost_of(std::uint64_t stored_bytes, const CloudPrices& prices) {
  CloudCost cost;
  cost.storage_month = static_cast<double>(stored_bytes) / kBytesPerGiB * prices.gib_month;
  cost.thousand_commits = prices.thousand_puts;
  cost.thousand_cold_gets = prices.thousand_gets;
  cost.day = cost.storage_month / kDaysPerMonth + kSecondsPerDay / 1000 * cost.thousand_commits;
  return cost;
}

double cost_of(const CloudRequestCounts& requests, const CloudPrices& prices) {
  return static_cast<double>(requests.puts + requests.lists) / 1000 * prices.thousand_puts +
         static_cast<double>(requests.gets) / 1000 * prices.thousand_gets;
}

std::string dollars(double amount) {
  if (amount <= 0) return "$0";
  const auto zeros = static_cast<int>(std::floor(-std::log10(amount)));
  return fmt::format("${:.{}f}", amount, std::clamp(zeros + 2, 2, 15));
}

Atom cloud_atom(const CloudRequestCounts& requests, std::uint64_t stored_bytes, BucketKind kind) {
  const CloudPrices& prices = prices_of(kind);
  const CloudCost cost = cost_of(stored_bytes, prices);
  return Atom::object({{"requests", Atom::object({{"puts", requests.puts},
                                                  {"gets", requests.gets},
                                                  {"lists", requests.lists},
                                                  {"deletes", requests.deletes}})},
                       {"bytes_sent", requests.bytes_sent},
                       {"bytes_received", requests.bytes_received},
                       {"cost", Atom::object({{"currency", "USD"},
                                              {"prices", prices.name},
                                              {"requests", cost_of(requests, prices)},
                                              {"storage_month", cost.storage_month},
                                              {"thousand_commits", cost.thousand_commits},
                                              {"thousand_cold_gets", cost.thousand_cold_gets},
                                              {"day_at_a_commit_a_second", cost.day}})}});
}

}  // namespace protobase::cli
