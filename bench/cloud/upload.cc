// A directory of files into the bucket, the whole process being what is measured: as records of a
// store, or as objects by bare PUTs.
#include <filesystem>
#include <fstream>
#include <mutex>

#include "bare_put.h"

namespace protobase::cloud_bench {
namespace {

constexpr std::size_t kRecord = std::size_t{1} << 20;
constexpr std::size_t kObject = std::size_t{8} << 20;

std::vector<std::filesystem::path> files_of(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Calls `take` with pieces of `size` bytes.
void read_pieces(const std::filesystem::path& file, std::size_t size,
                 const std::function<void(std::span<const std::byte>)>& take) {
  std::ifstream in(file, std::ios::binary);
  std::vector<std::byte> piece(size);
  for (;;) {
    in.read(reinterpret_cast<char*>(piece.data()), static_cast<std::streamsize>(size));
    if (in.gcount() == 0) break;
    take(std::span(piece).first(static_cast<std::size_t>(in.gcount())));
  }
  if (in.bad()) throw std::runtime_error("cannot read " + file.string());
}

void upload_records(const Run& run, JSON& results) {
  const auto client = client_factory(run, run.prefix)();
  CloudStorageOptions cloud;
  cloud.max_parallel_requests = static_cast<unsigned>(run.parallel);
  std::uint64_t pushed = 0;
  {
    CloudFileStorage storage(client, cloud, without_caches());
    AtomPointer last;
    for (const auto& file : files_of(run.directory)) {
      read_pieces(file, kRecord, [&](std::span<const std::byte> piece) {
        last = storage.push_bytes(piece);
        pushed += piece.size();
      });
    }
    storage.set_current_root(last);
  }
  results.push_back(
      {{"pushed", pushed}, {"bucket", run.bucket}, {"client_total", to_json(client->counts())}});
}

void upload_objects(const Run& run, JSON& results) {
  const auto files = files_of(run.directory);
  std::mutex mutex;
  std::size_t next = 0;
  compare::in_threads(run.parallel, [&](int) {
    BarePut bare(run);
    for (;;) {
      std::size_t mine = 0;
      {
        const std::lock_guard lock(mutex);
        if (next == files.size()) return;
        mine = next++;
      }
      int number = 0;
      read_pieces(files[mine], kObject, [&](std::span<const std::byte> piece) {
        bare.put(run.prefix + "/" + std::to_string(mine) + "-" + std::to_string(++number), piece,
                 false);
      });
    }
  });
  results.push_back({{"objects", files.size()}});
}

}  // namespace

void run_upload(const Run& run, JSON& results) {
  if (run.as == "protobase") return upload_records(run, results);
  if (run.as == "bare_put") return upload_objects(run, results);
  throw std::invalid_argument("upload: --as protobase or bare_put");
}

}  // namespace protobase::cloud_bench
