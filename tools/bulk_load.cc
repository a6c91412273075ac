// protobase-bulk-load SPACE ATOMS [BYTES]: pushes that many atoms, closes, opens again, reads some,
// and prints as one line of JSON what it took. Shows that memory is bounded by the caches and
// buffers, and that opening reads the tail of the log only. Used by test/system/scale_test.py.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "protobase/protobase.h"

namespace {

using protobase::Atom;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The number behind `key` in a file of /proc/self.
std::int64_t proc_number(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string word; in >> word;) {
    std::int64_t value = 0;
    if (word == key && in >> value) return value;
  }
  return 0;
}

Atom measure(const std::string& space, std::int64_t atoms, std::size_t size) {
  const protobase::StorageOptions options;
  std::vector<protobase::AtomPointer> some;
  const auto push_start = Clock::now();
  {
    protobase::StandaloneFileStorage storage(space, options);
    std::vector<std::byte> bytes(size, std::byte{'x'});
    for (std::int64_t i = 0; i < atoms; ++i) {
      std::memcpy(bytes.data(), &i, std::min(sizeof i, size));
      const auto pointer = storage.push_bytes(bytes);
      if (i % (1 + atoms / 1000) == 0) some.push_back(pointer);
    }
    storage.set_current_root(some.back());
    storage.close();
  }
  const double push_seconds = seconds_since(push_start);
  const auto open_start = Clock::now();
  const std::int64_t read_before = proc_number("/proc/self/io", "rchar:");
  protobase::StandaloneFileStorage storage(space, options);
  const bool has_root = storage.read_current_root() == some.back();
  const std::int64_t read_at_open = proc_number("/proc/self/io", "rchar:") - read_before;
  const double open_seconds = seconds_since(open_start);
  std::int64_t right = 0;
  for (const auto& pointer : some) right += storage.get_bytes(pointer).size() == size;
  const auto limits = options.object_cache_max_bytes + options.bytes_cache_max_bytes;
  return Atom::object({{"atoms", atoms},
                       {"push_seconds", push_seconds},
                       {"open_ms", open_seconds * 1e3},
                       {"bytes_read_at_open", read_at_open},
                       {"peak_resident_kib", proc_number("/proc/self/status", "VmHWM:")},
                       {"cache_limits_kib", static_cast<std::int64_t>(limits / 1024)},
                       {"root_is_right", has_root},
                       {"read_back", right},
                       {"sampled", static_cast<std::int64_t>(some.size())}});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: protobase-bulk-load SPACE ATOMS [BYTES]\n";
    return 2;
  }
  try {
    const std::size_t size = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 200;
    std::cout << measure(argv[1], std::atoll(argv[2]), size).to_json() << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "protobase-bulk-load: " << error.what() << "\n";
    return 1;
  }
}
