// FileSystem on Linux system calls.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "os/file_system.h"
#include "os/ring_pool.h"
#include "protobase/errors.h"

namespace protobase::os {
namespace {

[[noreturn]] void throw_error(const std::string& path, const char* call, int error) {
  const std::string message = path + ": " + call + " failed: " + std::strerror(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: throw NoSpaceError(message + "; make room and try again");
    case EACCES:
    case EPERM:
    case EROFS: throw NotAuthorizedError(message);
    case EMFILE:
    case ENFILE: throw OutOfDescriptorsError(message);
    default: throw UnexpectedError(message);
  }
}

[[noreturn]] void throw_read_error(const std::string& path, std::uint64_t offset, int error) {
  switch (error) {
    case EIO:
    case EBADMSG:
    case EUCLEAN:
    case ENODATA:
    case EISDIR:  // something else lies in the file's place
    case ESPIPE:
      throw ReadError(path + ": pread at offset " + std::to_string(offset) +
                      " failed: " + std::strerror(error));
    default: throw_error(path, "pread", error);
  }
}

/// Repeats `call` while a signal interrupts it.
template <typename Call>
auto uninterrupted(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

// A large write goes in steps, so that the disk is at work while the rest is copied.
constexpr std::size_t kWriteStep = 512 << 10;

class PosixFile final : public File {
 public:
  PosixFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = uninterrupted([&] {
        return ::pread(fd_, out.data() + done, out.size() - done,
                       static_cast<off_t>(offset + done));
      });
      if (n < 0) throw_read_error(path_, offset + done, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  SharedBytes map(std::uint64_t size) override {
    void* const begin = ::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd_, 0);
    if (begin == MAP_FAILED) return {};  // no addresses left, or a file system without maps
    const std::shared_ptr<const void> owner(begin, [size](void* map) { ::munmap(map, size); });
    // Of a cold record only its own pages are fetched.
    static_cast<void>(::madvise(begin, size, MADV_RANDOM));
    return {owner, {static_cast<const std::byte*>(begin), static_cast<std::size_t>(size)}};
  }

  void write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    std::array<iovec, 64> vectors;
    std::size_t part = 0;
    std::size_t skip = 0;  // bytes of parts[part] already written
    while (part < parts.size()) {
      std::size_t count = 0, size = 0;
      while (count < vectors.size() && part + count < parts.size() && size < kWriteStep) {
        const auto rest = parts[part + count].subspan(count == 0 ? skip : 0);
        const std::size_t length = std::min(rest.size(), kWriteStep - size);
        vectors[count++] = {const_cast<std::byte*>(rest.data()), length};
        size += length;
      }
      const ssize_t n = uninterrupted([&] {
        return ::pwritev(fd_, vectors.data(), static_cast<int>(count), static_cast<off_t>(offset));
      });
      if (n < 0) throw_error(path_, "pwritev", errno);
      if (static_cast<std::size_t>(n) == kWriteStep) start_writeback(offset, kWriteStep);
      offset += static_cast<std::uint64_t>(n);
      skip += static_cast<std::size_t>(n);
      while (part < parts.size() && skip >= parts[part].size()) skip -= parts[part++].size();
    }
  }

  void allocate(std::uint64_t offset, std::uint64_t length) override {
    const int result = uninterrupted([&] {
      return ::fallocate(fd_, 0, static_cast<off_t>(offset), static_cast<off_t>(length));
    });
    const int error = result == 0 ? 0 : errno;
    if (error == 0) return;
    if (error != EOPNOTSUPP && error != ENOSYS) throw_error(path_, "fallocate", error);
    extend_with_zeros(offset + length);
  }

  void sync_data() override {
    // No repeat after a failure: the kernel may have dropped the pages it could not write.
    if (::fdatasync(fd_) != 0) throw_error(path_, "fdatasync", errno);
  }

  void truncate(std::uint64_t size) override {
    if (uninterrupted([&] { return ::ftruncate(fd_, static_cast<off_t>(size)); }) != 0) {
      throw_error(path_, "ftruncate", errno);
    }
  }

  std::uint64_t size() override {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) throw_error(path_, "fstat", errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  bool try_lock(std::uint64_t byte, bool exclusive) override {
    return set_lock(byte, exclusive ? F_WRLCK : F_RDLCK);
  }
  void unlock(std::uint64_t byte) override { set_lock(byte, F_UNLCK); }

  bool is_locked(std::uint64_t byte) override {
    struct flock lock = range(byte, F_WRLCK);
    if (::fcntl(fd_, F_OFD_GETLK, &lock) != 0) throw_error(path_, "fcntl(F_OFD_GETLK)", errno);
    return lock.l_type != F_UNLCK;
  }

  /// For reads by a ring; nullopt when this file is none for that.
  std::optional<int> ring_descriptor() {
    // Of a pipe that somebody put in a file's place a ring would wait for bytes.
    if (ring_use_ == RingUse::kUnknown) {
      struct stat status {};
      const bool regular = ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
      ring_use_ = regular ? RingUse::kFit : RingUse::kUnfit;
    }
    return ring_use_ == RingUse::kFit ? std::optional(fd_) : std::nullopt;
  }
  /// Takes note of what a ring said. Some file systems, and kernels before 5.6, refuse every read.
  void note_ring_result(int result) {
    if (result == -EAGAIN || result == -EINVAL || result == -EOPNOTSUPP) {
      ring_use_ = RingUse::kUnfit;
    }
  }

 private:
  /// Sends the pages to the disk without waiting, while the next ones are copied. Whether that
  /// worked is the sync's to say: this call takes no error away from it.
  /// The last page, which the next step fills, stays for that one.
  void start_writeback(std::uint64_t offset, std::size_t size) noexcept {
    constexpr std::uint64_t kPage = 4096;
    const std::uint64_t begin = offset / kPage * kPage, end = (offset + size) / kPage * kPage;
    static_cast<void>(::sync_file_range(fd_, static_cast<off_t>(begin),
                                        static_cast<off_t>(end - begin), SYNC_FILE_RANGE_WRITE));
  }

  /// What fallocate does, on a file system without it.
  void extend_with_zeros(std::uint64_t end) {
    static constexpr std::array<std::byte, 64 * 1024> kZeros{};
    for (std::uint64_t at = size(); at < end;) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kZeros.size(), end - at));
      const std::span<const std::byte> part(kZeros.data(), count);
      write(at, {&part, 1});
      at += count;
    }
  }

  static struct flock range(std::uint64_t byte, short type) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(byte);
    lock.l_len = 1;
    return lock;
  }

  bool set_lock(std::uint64_t byte, short type) {
    struct flock lock = range(byte, type);
    if (uninterrupted([&] { return ::fcntl(fd_, F_OFD_SETLK, &lock); }) == 0) return true;
    if (errno == EAGAIN || errno == EACCES) return false;
    throw_error(path_, "fcntl(F_OFD_SETLK)", errno);
  }

  enum class RingUse { kUnknown, kFit, kUnfit };

  const std::string path_;
  const int fd_;
  std::atomic<RingUse> ring_use_{RingUse::kUnknown};
};

FileKind kind_from_mode(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::kRegular;
  if (S_ISDIR(mode)) return FileKind::kDirectory;
  return FileKind::kOther;
}

class PosixFileSystem final : public FileSystem {
 public:
  std::unique_ptr<File> open(const std::string& path, OpenMode mode) override {
    const int flags = O_CLOEXEC | O_NONBLOCK |  // a FIFO in the directory must not hang us
                      (mode == OpenMode::kRead ? O_RDONLY : O_RDWR) |
                      (mode == OpenMode::kCreateNew ? O_CREAT | O_EXCL : 0) |
                      (mode == OpenMode::kCreate ? O_CREAT : 0);
    const int fd = uninterrupted([&] { return ::open(path.c_str(), flags, 0666); });
    if (fd >= 0) return std::make_unique<PosixFile>(path, fd);
    if (errno == ENOENT && mode != OpenMode::kCreateNew && mode != OpenMode::kCreate)
      return nullptr;
    if (errno == EEXIST && mode == OpenMode::kCreateNew) return nullptr;
    throw_error(path, "open", errno);
  }

  std::optional<FileKind> kind_of(const std::string& path) override {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return kind_from_mode(status.st_mode);
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_error(path, "stat", errno);
  }

  std::vector<DirectoryEntry> list(const std::string& directory) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), ::closedir);
    if (!stream) throw_error(directory, "opendir", errno);
    std::vector<DirectoryEntry> entries;
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(stream.get());
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      entries.push_back({name, entry_kind(directory, *entry)});
    }
    if (errno != 0) throw_error(directory, "readdir", errno);
    return entries;
  }

  /// Most file systems tell the kind with the name; links and the others are looked at.
  FileKind entry_kind(const std::string& directory, const dirent& entry) {
    if (entry.d_type == DT_REG) return FileKind::kRegular;
    if (entry.d_type == DT_DIR) return FileKind::kDirectory;
    return kind_of(directory + "/" + entry.d_name).value_or(FileKind::kOther);
  }

  bool make_directory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0777) == 0) return true;
    if (errno == EEXIST) return false;
    throw_error(path, "mkdir", errno);
  }

  bool remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0) return true;
    if (errno == ENOENT) return false;
    throw_error(path, "unlink", errno);
  }

  void sync_directory(const std::string& path) override {
    const int fd =
        uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) throw_error(path, "open", errno);
    const int error = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    if (error != 0) throw_error(path, "fsync", error);
  }

  bool read_many(std::span<FileRead> reads) override {
    std::vector<RingRead> tried;
    tried.reserve(reads.size());
    for (FileRead& read : reads) {
      read.filled = 0;
      auto* const file = dynamic_cast<PosixFile*>(read.file);
      const auto descriptor = file ? file->ring_descriptor() : std::nullopt;
      if (descriptor) tried.push_back({&read, *descriptor});
    }
    if (!rings_.read(tried)) return false;
    for (const RingRead& ended : tried) {
      if (ended.result >= 0) {
        ended.read->filled = static_cast<std::size_t>(ended.result);
      } else {
        static_cast<PosixFile*>(ended.read->file)->note_ring_result(ended.result);
      }
    }
    return true;
  }

 private:
  RingPool rings_;
};

}  // namespace

std::shared_ptr<FileSystem> posix_file_system() { return std::make_shared<PosixFileSystem>(); }

std::string absolute_path(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (error) throw UnexpectedError(path + ": no working directory: " + error.message());
  return absolute.string();
}

bool is_same_directory(const std::string& a, const std::string& b) {
  std::error_code error;
  return std::filesystem::is_directory(a, error) && std::filesystem::equivalent(a, b, error);
}

std::string parent_directory(const std::string& path) {
  const auto end = path.find_last_not_of('/');
  if (end == std::string::npos) return "/";
  const auto slash = path.rfind('/', end);
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace protobase::os
