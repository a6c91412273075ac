// Every atom record of directories written by ProtoBase's Python storage decodes to the value its
// manifest states. Where records lie in a file is the WAL reader's business; here the manifest says
// it.
#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "format/codec.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

using JSON = nlohmann::ordered_json;

const std::string kLegacy = std::string(PROTOBASE_SOURCE_DIR) + "/test/golden/legacy/";

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

bool has(const JSON& value, const char* key) { return value.is_object() && value.contains(key); }

bool matches(const Atom& actual, const JSON& expected);

bool all_match(const Atom& actual, const JSON& expected) {
  if (!actual.is_array() || actual.size() != expected.size()) return false;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (!matches(actual.at(i), expected[i])) return false;
  }
  return true;
}

/// {"$map": [[key, value], ...]} in a manifest: an object, unless a key is no string.
bool matches_map(const Atom& actual, const JSON& pairs) {
  const bool text_keys =
      std::all_of(pairs.begin(), pairs.end(), [](const JSON& p) { return p[0].is_string(); });
  if (!text_keys) return actual.size() == 1 && all_match(actual.at("$map"), pairs);
  if (!actual.is_object() || actual.size() != pairs.size()) return false;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const AtomMember& member = actual.members()[i];
    if (member.key != pairs[i][0].get<std::string>() || !matches(member.value, pairs[i][1]))
      return false;
  }
  return true;
}

bool matches_ext(const Atom& actual, const JSON& ext) {
  return actual == Atom::object({{"$ext", Atom::array({ext[0].get<int>(), from_hex(ext[1])})}});
}

bool matches_object(const Atom& actual, const JSON& expected) {
  if (!actual.is_object() || actual.size() != expected.size()) return false;
  std::size_t i = 0;
  for (auto it = expected.begin(); it != expected.end(); ++it, ++i) {
    const AtomMember& member = actual.members()[i];
    if (member.key != it.key() || !matches(member.value, it.value())) return false;
  }
  return true;
}

bool matches(const Atom& actual, const JSON& expected) {
  if (has(expected, "$int")) return actual == Atom::integer(expected["$int"].get<std::string>());
  if (has(expected, "$bits")) {
    return actual ==
           std::bit_cast<double>(std::stoull(expected["$bits"].get<std::string>(), nullptr, 16));
  }
  if (has(expected, "$bytes")) return actual == from_hex(expected["$bytes"]);
  if (has(expected, "$bytes_sha256")) {  // the content is compared by encoding it again, see below
    return actual.as_bytes().size() == expected["$len"].get<std::size_t>();
  }
  if (has(expected, "$map")) return matches_map(actual, expected["$map"]);
  if (has(expected, "$ext")) return matches_ext(actual, expected["$ext"]);
  if (expected.is_object())
    return matches_object(actual, expected);  // {"$timestamp": [s, n]} stands for itself
  if (expected.is_array()) return all_match(actual, expected);
  if (expected.is_string()) return actual == expected.get<std::string>();
  if (expected.is_number_integer()) return actual == Atom::integer(expected.dump());
  if (expected.is_boolean()) return actual == expected.get<bool>();
  return expected.is_null() && actual.is_null();
}

/// The values that manifests describe in words.
Atom value_of_rule(const std::string& rule) {
  Atom value;
  if (rule == "{'s': 'x' * 100000}") return value.set("s", std::string(100'000, 'x'));
  if (rule == "{'s': 'L' * 300000}") return value.set("s", std::string(300'000, 'L'));
  if (rule == "{'s': 'w' * 65536}") return value.set("s", std::string(65'536, 'w'));
  if (rule == "{'a': [0] * 65536}") return value.set("a", Atom::array(Atom::Array(65'536, 0)));
  if (rule == "{'l': [0, 1, ..., 4999]}") {
    for (int i = 0; i < 5'000; ++i) value.push_back(i);
    return Atom::object({{"l", value}});
  }
  if (rule != "{'k00000': None, ..., 'k65535': None}")
    throw std::runtime_error("unknown rule " + rule);
  Atom::Object members;
  for (int i = 0; i < 65'536; ++i) {
    const std::string digits = std::to_string(i);
    members.emplace_back("k" + std::string(5 - digits.size(), '0') + digits, nullptr);
  }
  return Atom::object(std::move(members));
}

class LegacyGolden : public testing::TestWithParam<const char*> {
 protected:
  /// Payload as it lies in the file.
  std::string payload_of(const JSON& record) const {
    const std::string file =
        read_file(kLegacy + GetParam() + "/space/" + record["wal"].get<std::string>());
    const auto start =
        record["offset"].get<std::size_t>() + record["header_size"].get<std::size_t>();
    return file.substr(start, record["payload_size"].get<std::size_t>());
  }

  static void check(const JSON& record, RecordFormat format, const std::string& payload) {
    const Atom atom = decode(as_bytes(payload), format, JSONDialect::kLegacy);
    if (record.contains("value_rule")) {
      EXPECT_EQ(atom, value_of_rule(record["value_rule"]));
    } else {
      EXPECT_TRUE(matches(atom, record["value"])) << atom;
    }
    // Python writes MessagePack canonically too: encoding again gives the same bytes.
    const bool by_convention = record.dump().find("\"$ext\"") != std::string::npos ||
                               record.dump().find("\"$timestamp\"") != std::string::npos ||
                               record.dump().find("\"$map\"") != std::string::npos;
    if (format != RecordFormat::kMsgPack || by_convention) return;
    std::string again;
    encode(atom, format, again);
    EXPECT_TRUE(again == payload);
  }
};

/// Records that hold no atom: what get_atom must refuse.
bool is_refused(const JSON& record) {
  const bool lone_surrogates = record["id"] == "lone_surrogate";
  return lone_surrogates || record["id"] == "format_json_invalid";
}

TEST_P(LegacyGolden, EveryAtomDecodesToItsValue) {
  const JSON manifest = JSON::parse(read_file(kLegacy + GetParam() + "/manifest.json"));
  ASSERT_EQ(manifest["records"].size(), manifest["record_count"].get<std::size_t>());
  for (const JSON& record : manifest["records"]) {
    SCOPED_TRACE(record["id"].get<std::string>());
    const std::string name = record["format"];
    const std::string payload = payload_of(record);
    const RecordFormat format = name == "msgpack"                         ? RecordFormat::kMsgPack
                                : name == "json" || name == "legacy_json" ? RecordFormat::kJSON
                                                                          : RecordFormat::kRaw;
    if (format == RecordFormat::kRaw || is_refused(record)) {
      EXPECT_THROW(decode(as_bytes(payload), format, JSONDialect::kLegacy), ValidationError);
    } else {
      check(record, format, payload);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Directories, LegacyGolden,
                         testing::Values("json_atoms", "legacy_no_indicator", "msgpack_atoms",
                                         "raw_bytes", "root_set"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace protobase::format
