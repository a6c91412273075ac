// The floor on a disk: records framed by 16 bytes, pwrite and fdatasync into a preallocated, zeroed
// file that is written round and round, pread or a map to get them back; with or without checksums.
#include <fcntl.h>
#include <liburing.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <mutex>
#include <thread>

#include "base/hash.h"
#include "store.h"

namespace protobase::compare {
namespace {

constexpr std::size_t kHeader = 16;  // length and checksum, as ours
constexpr std::size_t kChunk = std::size_t{1} << 20;
constexpr std::size_t kWriteAhead = std::size_t{256} << 10;
constexpr int kPatience = 256;  // yields at most, some hundred microseconds
constexpr unsigned kDepth = 256;

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

std::size_t stored_size(std::size_t size) { return (kHeader + size + 7) / 8 * 8; }

/// Writes one record to `at`, which has stored_size() bytes of room.
void frame(Record record, bool checksums, std::byte* at) {
  const std::uint64_t header[2] = {record.size(), checksums ? base::xxh3(record) : 0};
  std::memcpy(at, header, kHeader);
  std::memcpy(at + kHeader, record.data(), record.size());
}

/// The record at `at`, verified if it is to be.
Record unframe(const std::byte* at, bool checksums) {
  std::uint64_t header[2];
  std::memcpy(header, at, kHeader);
  const Record record(at + kHeader, header[0]);
  if (checksums && base::xxh3(record) != header[1]) throw std::runtime_error("log: damaged");
  return record;
}

class File {
 public:
  File(const std::filesystem::path& path, const StoreSettings& settings)
      : descriptor_(open(path.c_str(), O_RDWR | O_CREAT, 0644)) {
    check(descriptor_ >= 0, "open");
    if (settings.create) write_zeros(path, settings.preallocated_bytes);
    check(posix_fadvise(descriptor_, 0, 0, POSIX_FADV_RANDOM) == 0, "posix_fadvise");
    size_ = end();
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }
  /// When opened; the log is written round and round within it.
  std::uint64_t size() const { return size_; }
  std::uint64_t end() const { return static_cast<std::uint64_t>(lseek(descriptor_, 0, SEEK_END)); }
  void write(const std::byte* data, std::size_t size, std::uint64_t offset) const {
    while (size > 0) {
      const ssize_t done = pwrite(descriptor_, data, size, static_cast<off_t>(offset));
      check(done > 0, "pwrite");
      data += done, size -= static_cast<std::size_t>(done);
      offset += static_cast<std::uint64_t>(done);
    }
  }
  void sync() const { check(fdatasync(descriptor_) == 0, "fdatasync"); }

 private:
  int descriptor_;
  std::uint64_t size_ = 0;
};

/// Framed records in chunks of memory that are used again.
class Chunks {
 public:
  std::byte* room(std::size_t size) {
    if (count_ == 0 || used_[count_ - 1] + size > room_of(count_ - 1)) next(size);
    std::byte* const place = chunks_[count_ - 1].data() + used_[count_ - 1];
    used_[count_ - 1] += size;
    size_ += size;
    return place;
  }
  std::uint64_t write_to(const File& file, std::uint64_t offset) {
    for (std::size_t i = 0; i < count_; ++i) {
      file.write(chunks_[i].data(), used_[i], offset);
      offset += used_[i];
    }
    count_ = 0;
    size_ = 0;
    return offset;
  }
  std::uint64_t size() const { return size_; }

 private:
  std::size_t room_of(std::size_t i) const { return chunks_[i].size(); }
  void next(std::size_t size) {
    if (count_ == chunks_.size()) chunks_.emplace_back(), used_.emplace_back();
    if (chunks_[count_].size() < size) chunks_[count_].resize(std::max(size, kChunk));
    used_[count_++] = 0;
  }

  std::vector<std::vector<std::byte>> chunks_;
  std::vector<std::size_t> used_;
  std::size_t count_ = 0;
  std::uint64_t size_ = 0;
};

class PreadReader final : public Reader {
 public:
  PreadReader(const File& file, bool checksums) : file_(file), checksums_(checksums) {}
  Handle get(Handle handle) override {
    // The size is known here; a log that has to ask for it reads a guess, or twice.
    const ssize_t got =
        pread(file_.descriptor(), buffer_.data(), kHeader + kRecord, static_cast<off_t>(handle));
    check(got == static_cast<ssize_t>(kHeader + kRecord), "pread");
    return touch(unframe(buffer_.data(), checksums_));
  }

 private:
  static constexpr std::size_t kRecord = 200;
  const File& file_;
  bool checksums_;
  std::array<std::byte, kHeader + kRecord> buffer_;
};

class MmapReader final : public Reader {
 public:
  MmapReader(const File& file, bool checksums) : size_(file.end()), checksums_(checksums) {
    void* const map = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.descriptor(), 0);
    check(map != MAP_FAILED, "mmap");
    map_ = static_cast<std::byte*>(map);
  }
  ~MmapReader() override { munmap(map_, size_); }
  MmapReader(const MmapReader&) = delete;
  MmapReader& operator=(const MmapReader&) = delete;
  Handle get(Handle handle) override { return touch(unframe(map_ + handle, checksums_)); }

 private:
  std::byte* map_;
  std::size_t size_;
  bool checksums_;
};

/// Up to kDepth reads at once.
class URingReader final : public Reader {
 public:
  explicit URingReader(const File& file) : file_(file), buffers_(kDepth) {
    check(io_uring_queue_init(kDepth, &ring_, 0) == 0, "io_uring_queue_init");
  }
  ~URingReader() override { io_uring_queue_exit(&ring_); }
  URingReader(const URingReader&) = delete;
  URingReader& operator=(const URingReader&) = delete;
  Handle get(Handle handle) override {
    get_many({&handle, 1});
    return touch(unframe(buffers_[0].data(), false));
  }
  void get_many(std::span<const Handle> handles) override {
    if (handles.size() > kDepth) throw std::invalid_argument("io_uring: too many at once");
    for (std::size_t i = 0; i < handles.size(); ++i) {
      io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
      io_uring_prep_read(entry, file_.descriptor(), buffers_[i].data(),
                         static_cast<unsigned>(buffers_[i].size()), handles[i]);
    }
    check(io_uring_submit_and_wait(&ring_, static_cast<unsigned>(handles.size())) >= 0, "submit");
    for (std::size_t i = 0; i < handles.size(); ++i) {
      io_uring_cqe* done = nullptr;
      check(io_uring_wait_cqe(&ring_, &done) == 0, "io_uring_wait_cqe");
      check(done->res > 0, "io_uring read");
      io_uring_cqe_seen(&ring_, done);
    }
    for (std::size_t i = 0; i < handles.size(); ++i) touch(unframe(buffers_[i].data(), false));
  }

 private:
  const File& file_;
  io_uring ring_;
  std::vector<std::array<std::byte, kHeader + 200>> buffers_;
};

/// Commits of several threads that share a sync. Who comes first leads.
struct Batch {
  explicit Batch(bool first) : turn(first ? 1 : 0) {}
  std::vector<std::byte> records;
  std::atomic<int> members{0};
  std::atomic<int> turn;  // 1: the batch before is durable
  std::atomic<int> durable{0};
};

class BareLog final : public Store {
 public:
  BareLog(const StoreSettings& settings, bool checksums, LogRead read)
      : file_(settings.directory / "log", settings),
        bulk_(settings.bulk),
        checksums_(checksums),
        read_(read) {
    // Where nothing is prepared, what is pushed stays in memory until it is committed.
    if (bulk_ || settings.preallocated_bytes > 0) write_ahead_ = kWriteAhead;
  }

  Handle put(Record record) override {
    const std::size_t size = stored_size(record.size());
    if (pending_.size() >= write_ahead_) write_pending();
    const Handle handle = next_;
    frame(record, checksums_, pending_.room(size));
    next_ += size;
    return handle;
  }
  void commit() override {
    write_pending();
    file_.sync();
  }
  void commit_one(Record record) override;
  std::unique_ptr<Reader> reader() override {
    if (read_ == LogRead::kMmap) return std::make_unique<MmapReader>(file_, checksums_);
    if (read_ == LogRead::kURing) return std::make_unique<URingReader>(file_);
    return std::make_unique<PreadReader>(file_, checksums_);
  }

 private:
  /// Where to write so much: from the start of the file again where the rest has no room for it.
  std::uint64_t place_for(std::uint64_t size) const {
    return !bulk_ && offset_ + size > file_.size() ? 0 : offset_;
  }
  void write_pending() { next_ = offset_ = pending_.write_to(file_, place_for(pending_.size())); }
  void write(Batch& batch);

  File file_;
  bool bulk_;  // written as it comes, behind the end if need be; handles are good then only
  bool checksums_;
  LogRead read_;
  std::size_t write_ahead_ = std::numeric_limits<std::size_t>::max();
  Chunks pending_;
  std::uint64_t offset_ = 0;
  Handle next_ = 0;

  std::mutex mutex_;
  std::shared_ptr<Batch> open_ = std::make_shared<Batch>(true);
  int woken_ = 0;  // by the batch before; whose turn it is has this and offset_
};

void BareLog::commit_one(Record record) {
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Batch> batch = open_;
  const std::size_t at = batch->records.size();
  batch->records.resize(at + stored_size(record.size()));
  frame(record, checksums_, batch->records.data() + at);
  const bool leads = batch->members.fetch_add(1) == 0;
  lock.unlock();
  if (leads) {
    batch->turn.wait(0);
    write(*batch);
  } else {
    batch->durable.wait(0);
  }
}

/// The leader of the next batch is woken first, and lets those come who are woken behind it: else
/// half of the threads always miss the sync that the other half begins.
void BareLog::write(Batch& batch) {
  for (int i = 0; i < kPatience && batch.members < woken_; ++i) std::this_thread::yield();
  const auto next = std::make_shared<Batch>(false);
  {
    const std::lock_guard lock(mutex_);
    open_ = next;
  }
  woken_ = batch.members;
  offset_ = place_for(batch.records.size());
  file_.write(batch.records.data(), batch.records.size(), offset_);
  offset_ += batch.records.size();
  file_.sync();
  next->turn = 1;
  next->turn.notify_one();
  batch.durable = 1;
  batch.durable.notify_all();
}

}  // namespace

std::unique_ptr<Store> make_bare_log(const StoreSettings& settings, bool checksums, LogRead read) {
  return std::make_unique<BareLog>(settings, checksums, read);
}

}  // namespace protobase::compare
