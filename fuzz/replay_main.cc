// Runs a fuzz target over every file of its corpus directories: the corpus as an ordinary test.
// Fails when a directory holds nothing, because a test of nothing would pass for ever.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void replay(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
  std::printf("%s: %zu bytes\n", file.filename().c_str(), bytes.size());
  std::fflush(stdout);  // the last line names the culprit of a crash
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t replayed = 0;
  for (int i = 1; i < argc; ++i) {
    const std::vector<fs::path> files = files_in(argv[i]);
    for (const fs::path& file : files) replay(file);
    replayed += files.size();
    if (files.empty()) std::fprintf(stderr, "no corpus in %s\n", argv[i]);
    if (files.empty()) return 1;
  }
  LLVMFuzzerTestOneInput(nullptr, 0);
  std::printf("%zu inputs replayed\n", replayed);
  return replayed == 0;
}
