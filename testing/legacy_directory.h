// Fixture of tests that begin with a directory of the Python storage (test/golden/legacy).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "protobase/wal.h"
#include "testing/temporary_directory.h"

namespace protobase::testing {

class LegacyDirectoryTest : public ::testing::Test {
 protected:
  using JSON = nlohmann::json;

  /// Puts a copy of that directory at space(); its manifest says what is in it.
  void take(const std::string& name) {
    const std::string source = std::string(PROTOBASE_SOURCE_DIR) + "/test/golden/legacy/" + name;
    std::filesystem::remove_all(space());
    manifest_ = JSON::parse(read_file(source + "/manifest.json"));
    copy_directory(source + "/space", space());
  }
  std::string space() const { return directory_.at("space"); }
  const JSON& record(const std::string& id) const {
    return *std::ranges::find_if(manifest_["records"],
                                 [&](const JSON& record) { return record["id"] == id; });
  }
  static AtomPointer pointer_of(const JSON& record) {
    return {*UUID::parse(record["wal"].get<std::string>()), record["offset"].get<std::uint64_t>()};
  }
  std::string path_of(const JSON& record) const {
    return space() + "/" + record["wal"].get<std::string>();
  }
  static bool names(const std::vector<BadPlace>& places, const AtomPointer& where) {
    return std::ranges::find(places, where, &BadPlace::pointer) != places.end();
  }

  TemporaryDirectory directory_;
  JSON manifest_;
};

}  // namespace protobase::testing
