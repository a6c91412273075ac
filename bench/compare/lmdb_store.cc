// LMDB: MDB_APPEND, no read-ahead, a map large enough for everything; one read transaction a
// reader.
#include <lmdb.h>

#include <utility>

#include "store.h"

namespace protobase::compare {
namespace {

constexpr std::size_t kMapSize = std::size_t{64} << 30;
constexpr int kBulkBatch = 20'000;  // puts a transaction while loading

void check(int code) {
  if (code != MDB_SUCCESS) throw std::runtime_error(std::string("lmdb: ") + mdb_strerror(code));
}

class LMDBReader final : public Reader {
 public:
  LMDBReader(MDB_env* environment, MDB_dbi database) : database_(database) {
    check(mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction_));
  }
  ~LMDBReader() override { mdb_txn_abort(transaction_); }
  LMDBReader(const LMDBReader&) = delete;
  LMDBReader& operator=(const LMDBReader&) = delete;
  Handle get(Handle handle) override {
    Key key(handle);
    MDB_val name{sizeof key.bytes, key.bytes}, value;
    check(mdb_get(transaction_, database_, &name, &value));
    return touch(record_of(static_cast<const char*>(value.mv_data), value.mv_size));
  }

 private:
  MDB_txn* transaction_ = nullptr;
  MDB_dbi database_;
};

class LMDBStore final : public Store {
 public:
  explicit LMDBStore(const StoreSettings& settings)
      : file_(settings.directory / "data.mdb"), bulk_(settings.bulk) {
    check(mdb_env_create(&environment_));
    check(mdb_env_set_mapsize(environment_, kMapSize));
    const unsigned flags = MDB_NORDAHEAD | MDB_NOTLS | (bulk_ ? MDB_NOSYNC : 0u);
    check(mdb_env_open(environment_, settings.directory.c_str(), flags, 0644));
    begin();
    check(mdb_dbi_open(transaction_, nullptr, 0, &database_));
    finish();
    begin_after_last();
  }
  ~LMDBStore() override {
    if (transaction_ != nullptr) mdb_txn_abort(transaction_);
    mdb_env_close(environment_);
  }
  LMDBStore(const LMDBStore&) = delete;
  LMDBStore& operator=(const LMDBStore&) = delete;

  /// What lies behind its last page it takes for room.
  void prepare(std::uint64_t bytes) override {
    write_zeros(file_, std::filesystem::file_size(file_) + bytes);
  }
  Handle put(Record record) override {
    if (transaction_ == nullptr) begin();
    Key key(++last_);
    MDB_val name{sizeof key.bytes, key.bytes};
    MDB_val value{record.size(), const_cast<std::byte*>(record.data())};
    check(mdb_put(transaction_, database_, &name, &value, MDB_APPEND));
    if (bulk_ && ++batched_ >= kBulkBatch) finish();
    return last_;
  }
  void commit() override {
    finish();
    if (bulk_) check(mdb_env_sync(environment_, 1));
  }
  std::unique_ptr<Reader> reader() override {
    return std::make_unique<LMDBReader>(environment_, database_);
  }

 private:
  void begin() { check(mdb_txn_begin(environment_, nullptr, 0, &transaction_)); }
  void finish() {
    if (transaction_ == nullptr) return;
    MDB_txn* const ending = std::exchange(transaction_, nullptr);
    batched_ = 0;
    check(mdb_txn_commit(ending));
  }
  /// Goes on counting behind the last key of an environment that is opened again.
  void begin_after_last() {
    MDB_stat stat;
    check(mdb_env_stat(environment_, &stat));
    last_ = stat.ms_entries;
  }

  std::filesystem::path file_;
  bool bulk_;
  MDB_env* environment_ = nullptr;
  MDB_txn* transaction_ = nullptr;
  MDB_dbi database_ = 0;
  int batched_ = 0;
  Handle last_ = 0;
};

}  // namespace

std::unique_ptr<Store> make_lmdb(const StoreSettings& settings) {
  return std::make_unique<LMDBStore>(settings);
}

}  // namespace protobase::compare
