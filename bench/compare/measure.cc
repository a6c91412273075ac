#include "measure.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <exception>
#include <fstream>
#include <mutex>
#include <random>

namespace protobase::compare {
namespace {

/// The number behind `name` in a file of /proc.
std::uint64_t figure_of(const char* file, const std::string& name) {
  std::ifstream in(file);
  for (std::string word; in >> word;) {
    std::uint64_t value = 0;
    if (word == name && in >> value) return value;
  }
  throw std::runtime_error(std::string(file) + " has no " + name);
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) throw std::invalid_argument("median of nothing");
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double in_threads(int threads, const std::function<void(int)>& work) {
  std::barrier together(threads + 1);
  std::exception_ptr failure;
  std::mutex mutex;
  std::vector<std::jthread> all;
  for (int thread = 0; thread < threads; ++thread) {
    all.emplace_back([&, thread] {
      together.arrive_and_wait();
      try {
        work(thread);
      } catch (const std::exception&) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
      }
    });
  }
  together.arrive_and_wait();
  const Stopwatch watch;
  all.clear();
  const double seconds = watch.seconds();
  if (failure) std::rethrow_exception(failure);
  return seconds;
}

std::uint64_t disk_read_bytes() { return figure_of("/proc/self/io", "read_bytes:"); }
std::uint64_t resident_bytes() { return figure_of("/proc/self/status", "VmRSS:") << 10; }
std::uint64_t peak_resident_bytes() { return figure_of("/proc/self/status", "VmHWM:") << 10; }

void drop_page_cache(const std::filesystem::path& directory) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const int file = open(entry.path().c_str(), O_RDONLY);
    const bool good =
        file >= 0 && fsync(file) == 0 && posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0;
    if (file >= 0) close(file);
    if (!good) throw std::runtime_error("cannot drop " + entry.path().string());
  }
}

StoreSettings Run::settings(const std::string& name) const {
  StoreSettings settings;
  settings.directory = directory / name;
  settings.preallocated_bytes = (quick ? std::uint64_t{128} : std::uint64_t{512}) << 20;
  return settings;
}

std::vector<std::byte> sample_record(std::size_t size) {
  std::mt19937_64 random(size);
  std::vector<std::byte> record(size);
  for (std::byte& byte : record) byte = static_cast<std::byte>(random());
  return record;
}

}  // namespace protobase::compare
