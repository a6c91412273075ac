// See directory_doctor.h.
#include "cli/directory_doctor.h"

#include <array>
#include <functional>
#include <memory>
#include <span>

#include "protobase/errors.h"
#include "protobase/uuid.h"

namespace protobase::cli {
namespace {

/// `run` returns what is wrong, "" for nothing.
bool check(std::vector<DoctorFinding>& findings, const char* name, const char* good,
           const std::function<std::string()>& run) {
  DoctorFinding finding{name, false, {}};
  try {
    finding.detail = run();
    finding.is_ok = finding.detail.empty();
    if (finding.is_ok) finding.detail = good;
  } catch (const ProtoBaseError& error) {
    finding.detail = error.what();
  }
  findings.push_back(finding);
  return finding.is_ok;
}

std::string look_for(const std::string& path, os::FileSystem& file_system) {
  const auto kind = file_system.kind_of(path);
  if (!kind) return path + " is not there: `protobase push` makes it, or name another one";
  if (*kind != os::FileKind::kDirectory) return path + " is no directory: name another one";
  file_system.list(path);
  return {};
}

std::string write_and_sync(os::File& file, os::FileSystem& file_system, const std::string& path) {
  constexpr std::array<std::byte, 4096> kBlock{};
  const std::span<const std::byte> part(kBlock);
  file.write(0, {&part, 1});
  file.sync_data();
  file_system.sync_directory(path);
  return {};
}

std::string try_locks(os::File& file, os::FileSystem& file_system, const std::string& path) {
  const auto other = file_system.open(path, os::OpenMode::kReadWrite);
  const bool is_exclusive = other && file.try_lock(0, true) && !other->try_lock(0, true);
  if (!is_exclusive) return "a lock is held twice: use a local Linux file system";
  file.unlock(0);
  if (!other->try_lock(0, true)) return "a lock that was given back cannot be taken";
  return {};
}

}  // namespace

std::vector<DoctorFinding> examine_directory(const std::string& path, os::FileSystem& file_system,
                                             os::Random& random) {
  std::vector<DoctorFinding> findings;
  if (!check(findings, "directory", "is there and can be listed",
             [&] { return look_for(path, file_system); })) {
    return findings;
  }
  const std::string probe =
      path + "/protobase.doctor-" + UUID::from_random(random.bytes16()).to_string();
  std::unique_ptr<os::File> file;
  const bool is_writable = check(findings, "write", "files can be made", [&]() -> std::string {
    file = file_system.open(probe, os::OpenMode::kCreateNew);
    return file ? "" : probe + " is there already";
  });
  if (!is_writable) return findings;
  check(findings, "sync", "fdatasync of a file and fsync of the directory work",
        [&] { return write_and_sync(*file, file_system, path); });
  check(findings, "locks", "a lock of one open file shuts out the other",
        [&] { return try_locks(*file, file_system, probe); });
  file.reset();
  check(findings, "remove", "what this check made is removed again", [&]() -> std::string {
    return file_system.remove(probe) ? "" : probe + " is gone already";
  });
  return findings;
}

}  // namespace protobase::cli
