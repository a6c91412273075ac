#include "measure.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <exception>
#include <fstream>
#include <limits>
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
  std::barrier together(threads);
  std::exception_ptr failure;
  std::mutex mutex;
  const Stopwatch watch;
  double begin = std::numeric_limits<double>::max(), end = 0;
  std::vector<std::jthread> all;
  for (int thread = 0; thread < threads; ++thread) {
    all.emplace_back([&, thread] {
      together.arrive_and_wait();
      const double begun = watch.seconds();  // their own: who starts them may come to run later
      std::exception_ptr failed;
      try {
        work(thread);
      } catch (const std::exception&) {
        failed = std::current_exception();
      }
      const double ended = watch.seconds();
      const std::lock_guard lock(mutex);
      begin = std::min(begin, begun), end = std::max(end, ended);
      if (failed) failure = failed;
    });
  }
  all.clear();
  if (failure) std::rethrow_exception(failure);
  return end - begin;
}

double sync_us(const Run& run) {
  const auto path = run.directory / "probe";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT, 0644);
  std::vector<double> syncs;
  for (char i = 0; i < 20; ++i) {
    const Stopwatch watch;
    const bool good = file >= 0 && pwrite(file, &i, 1, 0) == 1 && fdatasync(file) == 0;
    if (!good) throw std::runtime_error("cannot write " + path.string());
    syncs.push_back(watch.seconds() * 1e6);
  }
  close(file);
  return median(std::move(syncs));
}

JSON disk_result(const Run& run, const std::string& workload, const std::string& unit,
                 const std::vector<Entry>& entries, int rounds, double budget_s) {
  constexpr double kRestedUs = 1000, kPatienceS = 60;
  const Stopwatch watch;
  double before = sync_us(run);
  while (before > kRestedUs && !run.quick && watch.seconds() < kPatienceS) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    before = sync_us(run);
  }
  const auto samples = take_turns(entries, rounds, budget_s);
  return result(workload, unit, samples, {{"sync_us", {before, sync_us(run)}}});
}

std::uint64_t disk_read_bytes() { return figure_of("/proc/self/io", "read_bytes:"); }
std::uint64_t resident_bytes() { return figure_of("/proc/self/status", "VmRSS:") << 10; }
std::uint64_t anonymous_bytes() { return figure_of("/proc/self/status", "RssAnon:") << 10; }
std::uint64_t spare_bytes() { return figure_of("/proc/self/smaps_rollup", "LazyFree:") << 10; }
void forget_peak() {
  if (!(std::ofstream("/proc/self/clear_refs") << "5" << std::flush)) {
    throw std::runtime_error("cannot write /proc/self/clear_refs");
  }
}
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
  const std::string label = settings.directory.filename();
  settings.mapped = label.starts_with("protobase_mapped");
  settings.verified_once = label == "protobase_mapped_once";
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
