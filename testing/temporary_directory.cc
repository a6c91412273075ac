#include "testing/temporary_directory.h"

#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace protobase::testing {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (fs::temp_directory_path() / "protobase_test_XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("cannot make a directory like " + pattern);
  }
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // a leftover in the temporary directory harms no test
  fs::remove_all(path_, ignored);
}

std::map<std::string, std::string> snapshot(const std::string& directory) {
  std::map<std::string, std::string> files;
  if (!fs::exists(directory)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    const std::string name = fs::relative(entry.path(), directory).string();
    files[name] = entry.is_regular_file() ? read_file(entry.path().string()) : "(directory)";
  }
  return files;
}

void copy_directory(const std::string& from, const std::string& to) {
  fs::copy(from, to, fs::copy_options::recursive);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

void overwrite(const std::string& path, std::uint64_t offset, std::span<const std::byte> bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(offset));
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

void flip_bit(const std::string& path, std::uint64_t offset) {
  const std::string content = read_file(path);
  const auto turned = static_cast<std::byte>(content.at(offset)) ^ std::byte{0x10};
  overwrite(path, offset, {&turned, 1});
}

std::vector<UUID> wal_files(const std::string& directory) {
  std::vector<UUID> ids;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() != ".wal") continue;
    if (const auto id = UUID::parse(entry.path().stem().string())) ids.push_back(*id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::string wal_path(const std::string& directory, const UUID& id) {
  return directory + "/" + id.to_string() + ".wal";
}

}  // namespace protobase::testing
