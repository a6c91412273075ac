// What the tests of this folder share: a space in a directory of its own, payloads that know their
// number, and reading all of them back.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "os/file_system.h"
#include "protobase/errors.h"
#include "protobase/file_block_provider.h"
#include "protobase/shared_bytes.h"
#include "protobase/standalone_file_storage.h"
#include "testing/temporary_directory.h"

namespace protobase::faults {

/// What was pushed: pointer and payload.
using Pushed = std::map<AtomPointer, std::string>;

inline StorageOptions without_caches() {
  StorageOptions options;
  options.enable_atom_object_cache = false;
  options.enable_atom_bytes_cache = false;
  return options;
}

/// Different for each number, and of this size or what the number needs.
inline std::string payload(std::size_t number, std::size_t size = 100) {
  std::string text = "payload " + std::to_string(number) + " ";
  while (text.size() < size) text += static_cast<char>('a' + (text.size() * 7 + number) % 26);
  return text;
}

inline AtomPointer push(SharedStorage& storage, Pushed& pushed, std::size_t size = 100) {
  std::string text = payload(pushed.size(), size);
  const AtomPointer pointer = storage.push_bytes(as_bytes(text));
  if (!pushed.emplace(pointer, std::move(text)).second) {
    throw std::logic_error("a pointer was given twice");
  }
  return pointer;
}

inline AtomPointer commit(SharedStorage& storage, Pushed& pushed, std::size_t size = 100) {
  const AtomPointer root = push(storage, pushed, size);
  storage.set_current_root(root);
  return root;
}

/// Empty when every payload is read back as it was pushed; else what is wrong with the first that
/// is not.
inline std::string find_wrong(SharedStorage& storage, const Pushed& pushed) {
  for (const auto& [pointer, text] : pushed) {
    try {
      if (storage.get_bytes(pointer).as_text() != text) {
        return pointer.to_string() + ": other bytes than pushed";
      }
    } catch (const ProtoBaseError& error) {
      return pointer.to_string() + ": " + error.what();
    }
  }
  return {};
}

inline std::shared_ptr<FileBlockProvider> make_provider(std::shared_ptr<os::FileSystem> files,
                                                        const std::string& directory) {
  FileBlockProviderOptions options;
  options.file_system = std::move(files);
  return std::make_shared<FileBlockProvider>(directory, options);
}

class SpaceTest : public ::testing::Test {
 protected:
  std::string space() const { return directory_.at("space"); }

  /// Opens the space as one who was not there before: everything comes from the files.
  void expect_intact(const Pushed& pushed, const std::optional<AtomPointer>& root,
                     const std::string& where) {
    StandaloneFileStorage storage(where, without_caches());
    EXPECT_EQ(find_wrong(storage, pushed), "");
    EXPECT_EQ(storage.read_current_root(), root);
    const VerifyReport report = storage.verify({});
    EXPECT_EQ(report.bad_places, 0u);
    if (!report.bad.empty()) ADD_FAILURE() << report.bad[0].reason;
  }
  void expect_intact(const Pushed& pushed, const std::optional<AtomPointer>& root) {
    expect_intact(pushed, root, space());
  }

  std::string wal_of(const AtomPointer& pointer) const {
    return testing::wal_path(space(), pointer.transaction_id);
  }

  testing::TemporaryDirectory directory_;
};

/// For the tests named after the faults of the Python storage, test/golden/legacy/DEFECTS.md.
class OldFaults : public SpaceTest {
 protected:
  std::set<std::string> file_names() const {
    std::set<std::string> names;
    for (const auto& [name, content] : testing::snapshot(space())) names.insert(name);
    return names;
  }
  static std::size_t open_descriptors() {
    namespace fs = std::filesystem;
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
  }
};

}  // namespace protobase::faults
