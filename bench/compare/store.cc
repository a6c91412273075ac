#include "store.h"

namespace protobase::compare {

std::unique_ptr<Store> make_store(std::string_view name, const StoreSettings& settings) {
  std::filesystem::create_directories(settings.directory);
  if (name == "floor") return make_bare_log(settings, false, LogRead::kPread);
  if (name == "checksummed_log") return make_bare_log(settings, true, LogRead::kPread);
  if (name == "mmap_log") return make_bare_log(settings, true, LogRead::kMmap);
  if (name == "io_uring") return make_bare_log(settings, false, LogRead::kURing);
  if (name == "array") return make_array();
  if (name == "unordered_map") return make_unordered_map();
  if (name == "protobase") return make_protobase(settings);
  if (name == "rocksdb") return make_rocksdb(settings);
  if (name == "leveldb") return make_leveldb(settings);
  if (name == "lmdb") return make_lmdb(settings);
  if (name == "sqlite") return make_sqlite(settings);
  throw std::invalid_argument("no contestant " + std::string(name));
}

}  // namespace protobase::compare
