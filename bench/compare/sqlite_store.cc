// SQLite: WAL mode, synchronous=FULL, one table with an integer key, prepared statements.
#include <sqlite3.h>

#include <optional>

#include "store.h"

namespace protobase::compare {
namespace {

constexpr int kBulkBatch = 20'000;  // inserts a transaction while loading
constexpr std::size_t kPage = 4096;
constexpr int kLogPages = 2000;  // a checkpoint is due after 1,000; one commit is 400 at most

/// A connection that closes itself.
class Connection {
 public:
  explicit Connection(const std::filesystem::path& file) {
    if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) fail();
  }
  ~Connection() { sqlite3_close(db_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  void run(const std::string& sql) {
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  }
  /// The file grows, and is cut off, at multiples of `bytes`.
  void set_chunk(int bytes) {
    if (sqlite3_file_control(db_, "main", SQLITE_FCNTL_CHUNK_SIZE, &bytes) != SQLITE_OK) fail();
  }
  [[noreturn]] void fail() const {
    throw std::runtime_error(std::string("sqlite: ") + sqlite3_errmsg(db_));
  }
  sqlite3* get() const { return db_; }

 private:
  sqlite3* db_ = nullptr;
};

/// A prepared statement, used again and again.
class Statement {
 public:
  Statement(const Connection& connection, const char* sql) : connection_(connection) {
    if (sqlite3_prepare_v3(connection.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_,
                           nullptr) != SQLITE_OK) {
      connection.fail();
    }
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  void expect(int code) {
    if (sqlite3_step(statement_) != code) connection_.fail();
  }
  void reset() { sqlite3_reset(statement_); }
  sqlite3_stmt* get() const { return statement_; }

 private:
  const Connection& connection_;
  sqlite3_stmt* statement_ = nullptr;
};

void set_up(Connection& connection, const StoreSettings& settings) {
  const auto cache_kib = (settings.caches ? settings.cache_bytes : std::uint64_t{2} << 20) >> 10;
  connection.run("PRAGMA journal_mode=WAL");
  connection.run(settings.bulk ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL");
  connection.run("PRAGMA cache_size=-" + std::to_string(cache_kib));
  // Without caches reads are cold: a page missing in a map has the kernel read 128 KiB around it.
  connection.run(settings.caches ? "PRAGMA mmap_size=1073741824" : "PRAGMA mmap_size=0");
}

class SQLiteReader final : public Reader {
 public:
  SQLiteReader(const std::filesystem::path& file, const StoreSettings& settings)
      : connection_(file) {
    set_up(connection_, settings);
    connection_.run("BEGIN");  // one snapshot, as LMDB's reader has
    select_.emplace(connection_, "SELECT v FROM records WHERE k = ?");
  }
  Handle get(Handle handle) override {
    sqlite3_bind_int64(select_->get(), 1, static_cast<sqlite3_int64>(handle));
    select_->expect(SQLITE_ROW);
    const auto* data = static_cast<const char*>(sqlite3_column_blob(select_->get(), 0));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(select_->get(), 0));
    const Handle next = touch(record_of(data, size));
    select_->reset();
    return next;
  }

 private:
  Connection connection_;
  std::optional<Statement> select_;
};

/// The writer's connection with its statements; the table is made if need be.
struct Session {
  Session(const std::filesystem::path& file, const StoreSettings& settings) : connection(file) {
    set_up(connection, settings);
    connection.run("CREATE TABLE IF NOT EXISTS records (k INTEGER PRIMARY KEY, v BLOB)");
    insertion.emplace(connection, "INSERT INTO records VALUES (?, ?)");
    begin.emplace(connection, "BEGIN");
    commit.emplace(connection, "COMMIT");
  }
  Handle newest() const {
    Statement statement(connection, "SELECT coalesce(max(k), 0) FROM records");
    statement.expect(SQLITE_ROW);
    return static_cast<Handle>(sqlite3_column_int64(statement.get(), 0));
  }
  void insert(Handle handle, Record record) {
    sqlite3_bind_int64(insertion->get(), 1, static_cast<sqlite3_int64>(handle));
    sqlite3_bind_blob64(insertion->get(), 2, record.data(), record.size(), SQLITE_STATIC);
    run(*insertion);
  }
  static void run(Statement& statement) {
    statement.expect(SQLITE_DONE);
    statement.reset();
  }

  Connection connection;
  std::optional<Statement> insertion, begin, commit;
};

class SQLiteStore final : public Store {
 public:
  explicit SQLiteStore(const StoreSettings& settings)
      : settings_(settings), file_(settings.directory / "db") {
    session_.emplace(file_, settings);
    last_ = session_->newest();
  }
  /// The file keeps its zeros because it is cut off at multiples of `bytes` only; the log is as
  /// long as it ever gets after one transaction of more than it holds between two checkpoints.
  void prepare(std::uint64_t bytes) override {
    session_.reset();  // a file must not be closed while a connection has locks on it
    write_zeros(file_, bytes);
    session_.emplace(file_, settings_);
    session_->connection.set_chunk(static_cast<int>(bytes));
    const std::vector<std::byte> page(kPage);
    for (int i = 0; i < kLogPages; ++i) put(page);
    finish();
  }
  Handle put(Record record) override {
    if (batched_++ == 0) Session::run(*session_->begin);
    session_->insert(++last_, record);
    if (settings_.bulk && batched_ >= kBulkBatch) finish();
    return last_;
  }
  void commit() override {
    finish();
    if (settings_.bulk) session_->connection.run("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  std::unique_ptr<Reader> reader() override {
    return std::make_unique<SQLiteReader>(file_, settings_);
  }

 private:
  void finish() {
    if (batched_ > 0) Session::run(*session_->commit);
    batched_ = 0;
  }

  StoreSettings settings_;
  std::filesystem::path file_;
  std::optional<Session> session_;
  int batched_ = 0;
  Handle last_ = 0;
};

}  // namespace

std::unique_ptr<Store> make_sqlite(const StoreSettings& settings) {
  return std::make_unique<SQLiteStore>(settings);
}

}  // namespace protobase::compare
