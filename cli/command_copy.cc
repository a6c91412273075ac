// `protobase copy`: a whole space into an empty place, directory or bucket.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/cloud.h"
#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/location.h"
#include "cli/progress.h"
#include "protobase/copy.h"

namespace protobase::cli {
namespace {

struct CopyOptions {
  std::string from;
  std::string to;
};

CopyReport copy_with_progress(const Location& from, const Location& to) {
  ProgressBar bar("copy");
  const auto progress = [&](std::uint64_t done, std::uint64_t total) { bar.report(done, total); };
  const auto* const from_directory = std::get_if<DirectoryLocation>(&from);
  const auto* const to_directory = std::get_if<DirectoryLocation>(&to);
  if (from_directory == nullptr || to_directory == nullptr) return copy_places(from, to, progress);
  return copy_space(from_directory->path, to_directory->path, progress);
}

void copy(const CopyOptions& options, Output& out) {
  const Location from = parse_location(options.from, "FROM");
  const Location to = parse_location(options.to, "TO");
  const CopyReport report = copy_with_progress(from, to);
  out.write_line(fmt::format("WALs     {}", human_count(report.wals)));
  out.write_line(fmt::format("content  {}", human_bytes(report.bytes)));
  out.write_line(fmt::format("resumed  {}", human_bytes(report.resumed_bytes)));
  out.write_line(fmt::format("root     {}", report.root ? report.root->to_string() : "none"));
}

constexpr auto kFooter =
    R"text(Copies a consistent state, also while others write to FROM. Each of FROM and TO is a directory
or a bucket. TO must be absent, empty, or hold an interrupted copy of the same space, which
is resumed. Every pointer, the root and its history stay as they are. Durable when it exits 0;
before that, TO cannot be opened.

Examples:
  protobase copy people /backup/people && protobase verify /backup/people
  protobase copy people s3://bucket/people
  protobase copy s3://bucket/people gs://other-bucket/people)text";

}  // namespace

void add_copy_command(CommandLine& line) {
  auto options = std::make_shared<CopyOptions>();
  line.add_command("copy", "Copy a space into an empty one",
                   [options](Output& out) { copy(*options, out); })
      .positional("FROM", options->from, "The space to copy, in a directory or a bucket")
      .positional("TO", options->to, "Where to: absent, empty, or an interrupted copy")
      .footer(kFooter);
}

}  // namespace protobase::cli
