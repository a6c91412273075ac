// protobase-profile WORK --directory DIR [OPTION]...: one kind of work, --count times, for a tool
// that counts (valgrind, strace) to watch. profile.py is how it is meant to be run: it takes two
// counts, so that set-up cancels.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "protobase/protobase.h"

namespace protobase {
namespace {

struct Run {
  std::string directory;
  std::size_t count = 1;       ///< times the work is done, in each thread
  std::size_t records = 1000;  ///< to read from, with no primes but 2, 3 and 5; or WALs to open
  std::size_t size = 200;      ///< of a record, in bytes
  unsigned threads = 1;
  std::string control;  ///< where perf listens to; see Watch

  std::vector<std::byte> record() const { return std::vector<std::byte>(size, std::byte{7}); }
};

/// The time in which perf takes samples, if it runs: by `--control=fifo:CONTROL,CONTROL.ack`.
class Watch {
 public:
  explicit Watch(const Run& run) : control_(run.control) { tell("enable"); }
  ~Watch() { tell("disable"); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  /// Returns when perf has done it.
  void tell(const std::string& word) const {
    if (control_.empty()) return;
    std::ofstream(control_) << word << std::endl;
    std::string answer;
    std::ifstream(control_ + ".ack") >> answer;
  }

  const std::string control_;
};

StorageOptions without_caches() {
  StorageOptions options;
  options.enable_atom_object_cache = options.enable_atom_bytes_cache = false;
  options.max_unflushed_bytes = std::uint64_t{4} << 30;  // a push waits for nothing
  return options;
}

StorageOptions with_caches() {
  StorageOptions options = without_caches();
  options.enable_atom_object_cache = options.enable_atom_bytes_cache = true;
  options.object_cache_max_entries = options.bytes_cache_max_entries = std::size_t{1} << 40;
  options.object_cache_max_bytes = options.bytes_cache_max_bytes = std::size_t{4} << 30;
  return options;
}

/// Every record names the next one to read, in an order that visits all of them.
std::size_t next_of(std::size_t i, std::size_t records) { return (4321 * i + 7919) % records; }

/// Records of one size in one WAL: where each lies follows from the first two, so that no table of
/// pointers is read, whose cache misses would be the driver's.
class Row {
 public:
  void add(const AtomPointer& pointer) {
    if (size_ == 0) first_ = pointer;
    if (size_ == 1) step_ = pointer.offset - first_.offset;
    if (pointer != at(size_)) throw std::runtime_error("the records do not lie in one row");
    ++size_;
  }
  AtomPointer at(std::size_t i) const { return {first_.transaction_id, first_.offset + i * step_}; }

 private:
  AtomPointer first_;
  std::uint64_t step_ = 0;
  std::size_t size_ = 0;
};

Row push_row(SharedStorage& storage, const Run& run) {
  Row row;
  std::vector<std::byte> record = run.record();
  for (std::size_t i = 0; i < run.records; ++i) {
    const std::size_t next = next_of(i, run.records);
    std::memcpy(record.data(), &next, sizeof(next));
    row.add(storage.push_bytes(record));
  }
  return row;
}

void walk_bytes(SharedStorage& storage, const Row& row, const Run& run) {
  const Watch watch(run);
  for (std::size_t i = 0, at = 0; i < run.count; ++i) {
    const SharedBytes bytes = storage.get_bytes(row.at(at));
    std::memcpy(&at, bytes.data(), sizeof(at));
  }
}

void push(const Run& run) {
  StandaloneFileStorage storage(run.directory, without_caches());
  const std::vector<std::byte> record = run.record();
  const Watch watch(run);
  for (std::size_t i = 0; i < run.count; ++i) storage.push_bytes(record);
}

void commit(const Run& run) {
  StandaloneFileStorage storage(run.directory, without_caches());
  const std::vector<std::byte> record = run.record();
  const Watch watch(run);
  std::vector<std::jthread> threads;
  for (unsigned thread = 0; thread < run.threads; ++thread) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < run.count; ++i) {
        storage.set_current_root(storage.push_bytes(record));
      }
    });
  }
}

void get_bytes_cache(const Run& run) {
  StandaloneFileStorage storage(run.directory, with_caches());
  const Row row = push_row(storage, run);
  walk_bytes(storage, row, run);
}

void get_object_cache(const Run& run) {
  StandaloneFileStorage storage(run.directory, with_caches());
  const auto base = static_cast<std::int64_t>(run.records);  // so that all numbers are as long
  Row row;
  for (std::size_t i = 0; i < run.records; ++i) {
    const auto next = static_cast<std::int64_t>(next_of(i, run.records));
    row.add(storage.push_atom(Atom::object({{"number", base + next},
                                            {"className", "Sample"},
                                            {"name", "a name of some length"},
                                            {"text", std::string(110, 'x')},
                                            {"flag", true}})));
  }
  const Watch watch(run);
  for (std::size_t i = 0, at = 0; i < run.count; ++i) {
    const std::int64_t number = storage.get_atom(row.at(at))->at("number").as_int64();
    at = static_cast<std::size_t>(number - base);
  }
}

void drop_page_cache(const std::string& directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const int file = open(entry.path().c_str(), O_RDONLY);
    const bool good =
        file >= 0 && fsync(file) == 0 && posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0;
    if (file >= 0) close(file);
    if (!good) throw std::runtime_error("cannot drop " + entry.path().string());
  }
}

void get_from_file(const Run& run, bool cold, bool mapped) {
  Row row;
  {
    StandaloneFileStorage storage(run.directory, without_caches());
    row = push_row(storage, run);
  }
  if (cold) drop_page_cache(run.directory);
  FileBlockProviderOptions options;
  options.map_wals = mapped;
  StandaloneFileStorage storage(std::make_shared<FileBlockProvider>(run.directory, options),
                                without_caches());
  walk_bytes(storage, row, run);
}

void blob(const Run& run) {
  StandaloneFileStorage storage(run.directory, without_caches());
  const std::vector<std::byte> bytes(std::size_t{64} << 20, std::byte{7});
  for (std::size_t i = 0; i < run.count; ++i) storage.set_current_root(storage.push_bytes(bytes));
}

/// A large record fills its WAL; what is committed next begins another one.
void open_space(const Run& run) {
  StorageOptions options = without_caches();
  options.wal_max_size = std::uint64_t{64} << 10;
  {
    StandaloneFileStorage storage(run.directory, options);
    const std::vector<std::byte> bytes(options.wal_max_size, std::byte{7});
    for (std::size_t i = 0; i < run.records; ++i) {
      const std::size_t size = i + 1 == run.records ? run.size : bytes.size();
      storage.set_current_root(storage.push_bytes(std::span(bytes).first(size)));
    }
    if (storage.list_wals().size() != run.records) throw std::runtime_error("not so many WALs");
  }
  for (std::size_t i = 0; i < run.count; ++i) {
    StandaloneFileStorage(run.directory, options).close();
  }
}

const std::map<std::string, void (*)(const Run&)> kWorks = {
    {"push", push},
    {"commit", commit},
    {"get_bytes_cache", get_bytes_cache},
    {"get_object_cache", get_object_cache},
    {"get_page_cache", [](const Run& run) { get_from_file(run, false, false); }},
    {"get_mapped", [](const Run& run) { get_from_file(run, false, true); }},
    {"get_cold", [](const Run& run) { get_from_file(run, true, false); }},
    {"blob", blob},
    {"open", open_space}};

constexpr auto kUsage =
    "usage: protobase-profile WORK --directory DIR [--count N] [--records N] [--size N] "
    "[--threads N] [--control FIFO]\n";

Run parse(const std::vector<std::string>& words) {
  Run run;
  for (std::size_t i = 1; i < words.size(); i += 2) {
    const std::string& value = words.at(i + 1);
    if (words[i] == "--directory")
      run.directory = value;
    else if (words[i] == "--count")
      run.count = std::stoull(value);
    else if (words[i] == "--records")
      run.records = std::stoull(value);
    else if (words[i] == "--size")
      run.size = std::stoull(value);
    else if (words[i] == "--control")
      run.control = value;
    else if (words[i] == "--threads")
      run.threads = static_cast<unsigned>(std::stoul(value));
    else
      throw std::invalid_argument("unknown option " + words[i]);
  }
  if (run.directory.empty()) throw std::invalid_argument("no --directory");
  return run;
}

int run_program(const std::vector<std::string>& words) {
  const auto work = words.empty() ? kWorks.end() : kWorks.find(words[0]);
  if (work == kWorks.end()) {
    std::cerr << kUsage;
    return 2;
  }
  work->second(parse(words));
  return 0;
}

}  // namespace
}  // namespace protobase

int main(int argc, char** argv) {
  try {
    return protobase::run_program({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "protobase-profile: " << error.what() << "\n";
    return 1;
  }
}
