// StorageOptions: every field that is out of range is refused by its name, before anything is made.
#include "protobase/options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "protobase/errors.h"

namespace protobase {
namespace {

using Change = std::function<void(StorageOptions&)>;

std::string refusal(const Change& change) {
  StorageOptions options;
  change(options);
  try {
    options.validate();
  } catch (const ValidationError& error) {
    return error.what();
  }
  return {};
}

void expect_refused(const std::string& field, const Change& change) {
  const std::string message = refusal(change);
  EXPECT_EQ(message.substr(0, field.size() + 1), field + " ") << "message: " << message;
  EXPECT_NE(message.find("out of range"), std::string::npos) << message;
}

void expect_accepted(const Change& change) { EXPECT_EQ(refusal(change), ""); }

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

TEST(StorageOptions, TheDefaultsAreInRange) {
  expect_accepted([](auto&) {});
}

TEST(StorageOptions, BufferSize) {
  expect_accepted([](auto& o) { o.buffer_size = 4096; });
  expect_accepted([](auto& o) { o.buffer_size = std::size_t{64} << 20; });
  expect_refused("buffer_size", [](auto& o) { o.buffer_size = 0; });
  expect_refused("buffer_size", [](auto& o) { o.buffer_size = 4095; });
  expect_refused("buffer_size", [](auto& o) { o.buffer_size = (std::size_t{64} << 20) + 1; });
}

TEST(StorageOptions, BlobMaxSize) {
  expect_accepted([](auto& o) { o.blob_max_size = 1; });
  expect_accepted([](auto& o) { o.blob_max_size = std::uint64_t{2} << 30; });
  expect_refused("blob_max_size", [](auto& o) { o.blob_max_size = 0; });
  expect_refused("blob_max_size", [](auto& o) { o.blob_max_size = (std::uint64_t{2} << 30) + 1; });
}

TEST(StorageOptions, MaxWorkers) {
  expect_accepted([](auto& o) { o.max_workers = 256; });
  expect_refused("max_workers", [](auto& o) { o.max_workers = 0; });
  expect_refused("max_workers", [](auto& o) { o.max_workers = 257; });
}

TEST(StorageOptions, CacheStripesAndProbationRatio) {
  expect_accepted([](auto& o) { o.cache_stripes = 1024; });
  expect_refused("cache_stripes", [](auto& o) { o.cache_stripes = 0; });
  expect_refused("cache_stripes", [](auto& o) { o.cache_stripes = 1025; });
  for (const double bad : {0.0, 1.0, -0.5, 2.0, std::nan(""), HUGE_VAL}) {
    expect_refused("cache_probation_ratio", [bad](auto& o) { o.cache_probation_ratio = bad; });
  }
}

TEST(StorageOptions, WALMaxSize) {
  expect_accepted([](auto& o) { o.wal_max_size = 65'536; });
  expect_refused("wal_max_size", [](auto& o) { o.wal_max_size = 65'535; });
  expect_refused("wal_max_size", [](auto& o) { o.wal_max_size = kMax; });
}

TEST(StorageOptions, MaxUnflushedBytes) {
  expect_accepted([](auto& o) { o.max_unflushed_bytes = 8192; });
  expect_accepted([](auto& o) { o.max_unflushed_bytes = std::uint64_t{1} << 40; });
  expect_refused("max_unflushed_bytes", [](auto& o) { o.max_unflushed_bytes = 8191; });
  expect_refused("max_unflushed_bytes",
                 [](auto& o) { o.max_unflushed_bytes = (std::uint64_t{1} << 40) + 1; });
}

TEST(StorageOptions, RootLockTimeout) {
  expect_accepted([](auto& o) { o.root_lock_timeout_ms = 0; });
  expect_refused("root_lock_timeout_ms", [](auto& o) { o.root_lock_timeout_ms = kMax; });
}

TEST(StorageOptions, TheMessageNamesValueAndRange) {
  const auto message = refusal([](auto& o) { o.max_workers = 300; });
  EXPECT_EQ(message, "max_workers = 300 is out of range: 1 to 256");
}

}  // namespace
}  // namespace protobase
