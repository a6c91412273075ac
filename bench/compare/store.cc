#include "store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace protobase::compare {

void write_zeros(const std::filesystem::path& path, std::uint64_t size) {
  const std::vector<std::byte> zeros(std::size_t{1} << 20);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  std::uint64_t at = file < 0 ? size : std::filesystem::file_size(path);
  bool good = file >= 0;
  while (good && at < size) {
    const ssize_t done =
        write(file, zeros.data(), std::min<std::uint64_t>(zeros.size(), size - at));
    good = done > 0;
    at += static_cast<std::uint64_t>(done);
  }
  good = good && fsync(file) == 0;
  if (file >= 0) close(file);
  if (!good) throw std::runtime_error("cannot write zeros to " + path.string());
}

std::unique_ptr<Store> make_store(std::string_view name, const StoreSettings& settings) {
  std::filesystem::create_directories(settings.directory);
  if (name == "floor") return make_bare_log(settings, false, LogRead::kPread);
  if (name == "checksummed_log") return make_bare_log(settings, true, LogRead::kPread);
  if (name == "bare_map") return make_bare_log(settings, false, LogRead::kMmap);
  if (name == "mmap_log") return make_bare_log(settings, true, LogRead::kMmap);
  if (name == "io_uring") return make_bare_log(settings, false, LogRead::kURing);
  if (name == "array") return make_array();
  if (name == "unordered_map") return make_unordered_map();
  if (name.starts_with("protobase")) return make_protobase(settings);
  if (name == "rocksdb") return make_rocksdb(settings);
  if (name == "leveldb") return make_leveldb(settings);
  if (name == "lmdb") return make_lmdb(settings);
  if (name == "sqlite") return make_sqlite(settings);
  throw std::invalid_argument("no contestant " + std::string(name));
}

}  // namespace protobase::compare
