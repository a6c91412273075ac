// LevelDB: no compression, a write buffer as large as RocksDB's, a bloom filter, sync writes.
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include <atomic>

#include "store.h"

namespace protobase::compare {
namespace {

constexpr int kBulkBatch = 1000;
constexpr std::size_t kWriteBuffer = std::size_t{64} << 20;

void check(const leveldb::Status& status) {
  if (!status.ok()) throw std::runtime_error("leveldb: " + status.ToString());
}

class LevelReader final : public Reader {
 public:
  explicit LevelReader(leveldb::DB& db) : db_(db) { options_.verify_checksums = true; }
  Handle get(Handle handle) override {
    const Key key(handle);
    check(db_.Get(options_, {key.bytes, sizeof key.bytes}, &value_));
    return touch(record_of(value_.data(), value_.size()));
  }

 private:
  leveldb::DB& db_;
  leveldb::ReadOptions options_;
  std::string value_;
};

class LevelStore final : public Store {
 public:
  explicit LevelStore(const StoreSettings& settings)
      : bulk_(settings.bulk),
        filter_(leveldb::NewBloomFilterPolicy(10)),
        cache_(leveldb::NewLRUCache(settings.caches ? settings.cache_bytes : 0)) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.compression = leveldb::kNoCompression;
    options.write_buffer_size = kWriteBuffer;
    options.filter_policy = filter_.get();
    options.block_cache = cache_.get();
    leveldb::DB* db = nullptr;
    check(leveldb::DB::Open(options, settings.directory / "db", &db));
    db_.reset(db);
  }
  Handle put(Record record) override {
    const Key key(++last_);
    batch_.Put({key.bytes, sizeof key.bytes}, {text_of(record), record.size()});
    if (bulk_ && ++batched_ >= kBulkBatch) write(false);
    return last_;
  }
  void commit() override {
    write(true);
    if (bulk_) db_->CompactRange(nullptr, nullptr);  // read as it is once at rest
  }
  void commit_one(Record record) override {
    const Key key(next_shared_.fetch_add(1));
    leveldb::WriteOptions options;
    options.sync = true;
    check(db_->Put(options, {key.bytes, sizeof key.bytes}, {text_of(record), record.size()}));
  }
  std::unique_ptr<Reader> reader() override { return std::make_unique<LevelReader>(*db_); }

 private:
  void write(bool sync) {
    leveldb::WriteOptions options;
    options.sync = sync;
    check(db_->Write(options, &batch_));
    batch_.Clear();
    batched_ = 0;
  }

  bool bulk_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteBatch batch_;
  int batched_ = 0;
  Handle last_ = 0;
  std::atomic<Handle> next_shared_{Handle{1} << 40};
};

}  // namespace

std::unique_ptr<Store> make_leveldb(const StoreSettings& settings) {
  return std::make_unique<LevelStore>(settings);
}

}  // namespace protobase::compare
