// RocksDB: no compression, recycled log files, a bloom filter, sync writes.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <atomic>

#include "store.h"

namespace protobase::compare {
namespace {

constexpr int kBulkBatch = 1000;

void check(const rocksdb::Status& status) {
  if (!status.ok()) throw std::runtime_error("rocksdb: " + status.ToString());
}

rocksdb::Options options_of(const StoreSettings& settings) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;
  options.recycle_log_file_num = 4;  // later logs are overwritten, not grown
  options.max_background_jobs = 2;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  if (settings.caches) {
    table.block_cache = rocksdb::NewLRUCache(settings.cache_bytes);
  } else {
    table.no_block_cache = true;
  }
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

class RocksReader final : public Reader {
 public:
  explicit RocksReader(rocksdb::DB& db) : db_(db) {}
  Handle get(Handle handle) override {
    const Key key(handle);
    value_.Reset();
    check(db_.Get({}, db_.DefaultColumnFamily(), {key.bytes, sizeof key.bytes}, &value_));
    return touch(record_of(value_.data(), value_.size()));
  }

 private:
  rocksdb::DB& db_;
  rocksdb::PinnableSlice value_;
};

class RocksStore final : public Store {
 public:
  explicit RocksStore(const StoreSettings& settings) : bulk_(settings.bulk) {
    rocksdb::DB* db = nullptr;
    check(rocksdb::DB::Open(options_of(settings), settings.directory / "db", &db));
    db_.reset(db);
  }
  Handle put(Record record) override {
    const Key key(++last_);
    check(batch_.Put({key.bytes, sizeof key.bytes}, {text_of(record), record.size()}));
    if (bulk_ && batch_.Count() >= kBulkBatch) write(false);
    return last_;
  }
  void commit() override {
    write(true);
    if (bulk_) check(db_->CompactRange({}, nullptr, nullptr));  // read as it is once at rest
  }
  void commit_one(Record record) override {
    const Key key(next_shared_.fetch_add(1));
    rocksdb::WriteOptions options;
    options.sync = true;
    check(db_->Put(options, {key.bytes, sizeof key.bytes}, {text_of(record), record.size()}));
  }
  std::unique_ptr<Reader> reader() override { return std::make_unique<RocksReader>(*db_); }

 private:
  void write(bool sync) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    check(db_->Write(options, &batch_));
    batch_.Clear();
  }

  bool bulk_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteBatch batch_;
  Handle last_ = 0;
  std::atomic<Handle> next_shared_{Handle{1} << 40};
};

}  // namespace

std::unique_ptr<Store> make_rocksdb(const StoreSettings& settings) {
  return std::make_unique<RocksStore>(settings);
}

}  // namespace protobase::compare
