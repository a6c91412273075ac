// `protobase doctor`: whether a place can carry a space.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cli/cloud.h"
#include "cli/command.h"
#include "cli/directory_doctor.h"
#include "cli/text.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

std::vector<DoctorFinding> examine_location(const Location& location) {
  if (const auto* const bucket = std::get_if<BucketLocation>(&location)) {
    return examine(*client_of(*bucket));
  }
  return examine_directory(std::get<DirectoryLocation>(location).path, *os::posix_file_system(),
                           *os::system_random());
}

void doctor(const std::string& text, Output& out) {
  const std::vector<DoctorFinding> findings = examine_location(parse_location(text, "LOCATION"));
  for (const DoctorFinding& finding : findings) {
    out.write_line(fmt::format("{:<7} {:<21} {}", finding.is_ok ? "ok" : "FAILED", finding.check,
                               one_line(finding.detail)));
  }
  const auto failed = std::ranges::count(findings, false, &DoctorFinding::is_ok);
  if (failed == 0) return;
  throw UnexpectedError(
      fmt::format("{} of {} checks failed, listed on standard output with what to do", failed,
                  findings.size()));
}

constexpr auto kFooter =
    R"text(A line is `ok` or `FAILED`, what was looked at, and what was found. Of a bucket: whether it
answers, takes the credentials, has a clock near this machine's; whether the prefix is free
or has a store that opens; whether objects can be put, read, listed and removed; and by races
of 8 threads on fresh keys, whether of several that create one object, or replace one version
of it, exactly one wins. A bucket that fails these must not carry a store. The objects of the
check lie below PREFIX/doctor/ and are removed again; nothing else is touched. Of a directory:
whether it is there, can be written, and has working fdatasync and locks. Exit status 1 when
a check failed.

Examples:
  protobase doctor s3://bucket/people
  protobase doctor /var/lib/people)text";

}  // namespace

void add_doctor_command(CommandLine& line) {
  auto location = std::make_shared<std::string>();
  line.add_command("doctor", "Check whether a place can carry a space",
                   [location](Output& out) { doctor(*location, out); })
      .positional("LOCATION", *location, "A directory or a bucket, as SPACE")
      .footer(kFooter);
}

}  // namespace protobase::cli
