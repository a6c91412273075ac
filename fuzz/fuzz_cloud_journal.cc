// A file of the journal: what is taken up is what a naive reader of docs/internals/cloud_format.md
// finds; reading changes nothing, and what is appended behind it comes back.
//
// Input: the file. A checksum of zero stands for the right one, as in fuzz/wal_input.h.
#include <memory>
#include <string>
#include <vector>

#include "base/endian.h"
#include "base/hash.h"
#include "cloud/journal.h"
#include "fuzz/fuzzing.h"
#include "protobase/errors.h"
#include "testing/memory_file_system.h"

namespace {

using namespace protobase;
using base::load_le;
using fuzz::require;

constexpr std::size_t kHeader = 64;
constexpr std::size_t kEntry = 80;
const std::string kDirectory = "/journal";
const std::string kPath = kDirectory + "/00000000000000000001.journal";

bool begins(std::span<const std::byte> bytes, std::string_view magic, std::size_t size) {
  return bytes.size() >= size && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

/// Of the first `size` bytes, into the 8 behind them, when these are zeros.
void fill_checksum(std::span<std::byte> bytes, std::size_t size) {
  std::byte* const field = bytes.data() + size;
  if (load_le<std::uint64_t>(field) == 0) {
    base::store_le<std::uint64_t>(field, base::xxh3(bytes.first(size)));
  }
}

void fill_checksums(std::span<std::byte> file) {
  if (!begins(file, "PBJRNL\r\n", kHeader)) return;
  fill_checksum(file, 56);
  for (auto rest = file.subspan(kHeader); begins(rest, "PBENTRY\n", kEntry);) {
    const auto length = load_le<std::uint64_t>(rest.data() + 40);
    if (length > rest.size() - kEntry) return;
    if (load_le<std::uint64_t>(rest.data() + 64) == 0) {
      base::store_le<std::uint64_t>(rest.data() + 64, base::xxh3(rest.subspan(kEntry, length)));
    }
    fill_checksum(rest, 72);
    rest = rest.subspan(std::min<std::size_t>(rest.size(), (kEntry + length + 7) / 8 * 8));
  }
}

/// The bytes of the entries, up to the first that is none.
std::vector<std::vector<std::byte>> naive_entries(std::span<const std::byte> file) {
  std::vector<std::vector<std::byte>> found;
  auto rest = file.subspan(kHeader);
  while (begins(rest, "PBENTRY\n", kEntry)) {
    const auto begin = load_le<std::uint64_t>(rest.data() + 32);
    const auto length = load_le<std::uint64_t>(rest.data() + 40);
    const auto commit = load_le<std::uint64_t>(rest.data() + 56);
    const bool is_sound = load_le<std::uint64_t>(rest.data() + 72) == base::xxh3(rest.first(72)) &&
                          load_le<std::uint64_t>(rest.data() + 8) == found.size() + 1 &&
                          begin >= 4096 && begin < std::uint64_t{1} << 62 && length > 0 &&
                          length <= rest.size() - kEntry &&
                          (commit == 0 || (commit >= begin && commit - begin < length));
    if (!is_sound) break;
    const auto bytes = rest.subspan(kEntry, length);
    if (load_le<std::uint64_t>(rest.data() + 64) != base::xxh3(bytes)) break;
    found.emplace_back(bytes.begin(), bytes.end());
    rest = rest.subspan(std::min<std::size_t>(rest.size(), (kEntry + length + 7) / 8 * 8));
  }
  return found;
}

std::vector<std::byte> bytes_of(const cloud::JournalEntry& entry) {
  std::vector<std::byte> bytes;
  for (const SharedBytes& part : entry.parts) {
    bytes.insert(bytes.end(), part.span().begin(), part.span().end());
  }
  require(bytes.size() == entry.end - entry.begin);
  return bytes;
}

std::unique_ptr<cloud::Journal> open(const std::shared_ptr<testing::MemoryFileSystem>& files) {
  return std::make_unique<cloud::Journal>(kDirectory, files, Logger());
}

/// What is left is what is expected; then one entry more is.
void check_journal(cloud::Journal& journal, std::vector<std::vector<std::byte>>& expected) {
  const auto left = journal.take_left();
  require(left.size() == expected.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    require(left[i].number == i + 1);
    require(bytes_of(left[i]) == expected[i]);
  }
  auto owner = std::make_shared<Bytes>(24, std::byte{7});
  cloud::JournalEntry entry;
  entry.wal.bytes.fill(9);
  entry.begin = 4096;
  entry.end = entry.begin + owner->size();
  entry.parts.push_back({owner, *owner});
  journal.append(journal.store().value_or(UUID{}), entry);
  require(entry.number == expected.size() + 1);
  expected.push_back(*owner);
}

/// Most of the room that was taken ahead goes: to look through it takes all the time.
void shorten(testing::MemoryFileSystem& files) {
  constexpr std::size_t kEnough = 4096;
  for (const os::DirectoryEntry& entry : files.list(kDirectory)) {
    const std::string path = kDirectory + "/" + entry.name;
    auto content = files.content(path);
    if (content.size() <= kEnough) continue;
    content.resize(kEnough);
    files.set_content(path, std::move(content));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  std::vector<std::byte> file(input.begin(), input.end());
  fill_checksums(file);
  const auto files = std::make_shared<testing::MemoryFileSystem>();
  files->make_directory(kDirectory);
  files->open(kPath, os::OpenMode::kCreate);
  files->set_content(kPath, file);
  std::unique_ptr<cloud::Journal> journal;
  try {
    journal = open(files);
  } catch (const CorruptionError&) {
  } catch (const NotSupportedError&) {
    require(load_le<std::uint32_t>(file.data() + 8) > 1);
    require(load_le<std::uint64_t>(file.data() + 56) == base::xxh3(std::span(file).first(56)));
  }
  require(files->content(kPath) == file);
  if (!journal) return 0;
  std::vector<std::vector<std::byte>> expected;
  if (journal->store()) expected = naive_entries(file);
  check_journal(*journal, expected);
  journal.reset();
  shorten(*files);
  check_journal(*open(files), expected);
  return 0;
}
