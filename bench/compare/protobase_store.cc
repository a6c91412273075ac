// Our store behind the interface: bytes in, pointers out. A handle packs the number of the WAL (as
// met) and the offset into eight bytes, so that tables of handles weigh the same for all.
#include <fstream>

#include "protobase/protobase.h"
#include "store.h"

namespace protobase::compare {
namespace {

constexpr unsigned kOffsetBits = 44;

StorageOptions options_of(const StoreSettings& settings) {
  StorageOptions options;
  options.enable_atom_object_cache = false;
  options.enable_atom_bytes_cache = settings.caches;
  options.bytes_cache_max_bytes = settings.cache_bytes;
  options.bytes_cache_max_entries = std::size_t{1} << 40;
  options.max_unflushed_bytes = settings.unflushed_bytes;
  options.max_workers = 32;
  options.verify_mapped_once = settings.verified_once;
  return options;
}

std::shared_ptr<BlockProvider> provider_of(const StoreSettings& settings) {
  FileBlockProviderOptions options;
  options.map_wals = settings.mapped;
  return std::make_shared<FileBlockProvider>((settings.directory / "space").string(), options);
}

/// WAL ids by number, kept in a file for the next opening. Nobody adds while readers run.
class WALTable {
 public:
  WALTable(std::filesystem::path file, bool create) : file_(std::move(file)) {
    if (create) return;
    std::ifstream in(file_);
    for (std::string line; std::getline(in, line);) wals_.push_back(UUID::parse(line).value());
  }
  Handle pack(const AtomPointer& pointer) {
    if (wals_.empty() || wals_.back() != pointer.transaction_id) {
      wals_.push_back(pointer.transaction_id);
      std::ofstream(file_, std::ios::app) << pointer.transaction_id.to_string() << '\n';
    }
    return (Handle{wals_.size() - 1} << kOffsetBits) | pointer.offset;
  }
  AtomPointer unpack(Handle handle) const {
    return {wals_[handle >> kOffsetBits], handle & ((Handle{1} << kOffsetBits) - 1)};
  }

 private:
  std::filesystem::path file_;
  std::vector<UUID> wals_;
};

class ProtobaseReader final : public Reader {
 public:
  ProtobaseReader(SharedStorage& storage, const WALTable& wals) : storage_(storage), wals_(wals) {}
  Handle get(Handle handle) override {
    return touch(storage_.get_bytes(wals_.unpack(handle)).span());
  }
  void get_many(std::span<const Handle> handles) override {
    pointers_.clear();
    for (const Handle handle : handles) pointers_.push_back(wals_.unpack(handle));
    for (const SharedBytes& bytes : storage_.get_bytes_many(pointers_)) touch(bytes.span());
  }

 private:
  SharedStorage& storage_;
  const WALTable& wals_;
  std::vector<AtomPointer> pointers_;
};

class ProtobaseStore final : public Store {
 public:
  explicit ProtobaseStore(const StoreSettings& settings)
      : storage_(provider_of(settings), options_of(settings)),
        wals_(settings.directory / "wals", settings.create),
        singly_(settings.singly) {}

  void prepare(std::uint64_t bytes) override { storage_.reserve(bytes); }
  Handle put(Record record) override {
    last_ = storage_.push_bytes(record);
    return wals_.pack(last_);
  }
  void put_many(std::span<const Record> records) override {
    if (singly_) return Store::put_many(records);
    last_ = storage_.push_bytes_many(records).back();
  }
  void commit() override { storage_.set_current_root(last_); }
  void commit_one(Record record) override {
    storage_.set_current_root(storage_.push_bytes(record));
  }
  std::unique_ptr<Reader> reader() override {
    return std::make_unique<ProtobaseReader>(storage_, wals_);
  }

 private:
  StandaloneFileStorage storage_;
  WALTable wals_;
  bool singly_;
  AtomPointer last_;
};

}  // namespace

std::unique_ptr<Store> make_protobase(const StoreSettings& settings) {
  return std::make_unique<ProtobaseStore>(settings);
}

}  // namespace protobase::compare
