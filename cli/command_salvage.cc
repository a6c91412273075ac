// `protobase salvage`: what can be read of a damaged space, in a new one.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/cloud.h"
#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/location.h"
#include "cli/places.h"
#include "cli/progress.h"
#include "protobase/salvage.h"

namespace protobase::cli {
namespace {

struct SalvageOptions {
  std::string from;
  std::string to;
  bool json = false;
};

SalvageReport salvage_with_progress(const Location& from, const Location& to) {
  const std::string& target =
      directory_of(to, "salvage to a directory, then copy that into an empty prefix");
  ProgressBar bar("salvage");
  const auto progress = [&](std::uint64_t done, std::uint64_t total) { bar.report(done, total); };
  const auto* const directory = std::get_if<DirectoryLocation>(&from);
  if (directory == nullptr) return salvage_place(from, target, progress);
  return salvage_space(directory->path, target, progress);
}

Atom to_atom(const SalvageReport& report) {
  return Atom::object({{"wals", report.wals},
                       {"records", report.records},
                       {"payload_bytes", report.payload_bytes},
                       {"commits", report.commits},
                       {"root", report.root ? Atom(report.root->to_string()) : Atom()},
                       {"lost_places", report.lost_places},
                       {"lost", places_to_atom(report.lost)}});
}

void print_text(const SalvageReport& report, Output& out) {
  print_places("lost", report.lost, out);
  if (report.lost_places > report.lost.size()) {
    out.write_line(fmt::format("... and {} more lost places",
                               human_count(report.lost_places - report.lost.size())));
  }
  out.write_line(fmt::format("WALs         {}", human_count(report.wals)));
  out.write_line(fmt::format("records      {}", human_count(report.records)));
  out.write_line(fmt::format("payload      {}", human_bytes(report.payload_bytes)));
  out.write_line(fmt::format("commits      {}", human_count(report.commits)));
  out.write_line(fmt::format("root         {}", report.root ? report.root->to_string() : "none"));
  out.write_line(fmt::format("lost places  {}", human_count(report.lost_places)));
}

void salvage(const SalvageOptions& options, Output& out) {
  const auto report =
      salvage_with_progress(parse_location(options.from, "FROM"), parse_location(options.to, "TO"));
  if (options.json) {
    out.write_line(to_atom(report).to_json());
  } else {
    print_text(report, out);
  }
}

constexpr auto kFooter =
    R"text(Copies every record of FROM, a directory or a bucket, that can be read into the directory TO,
which must be absent or empty. Pointers stay valid. Each lost place is printed as `lost WAL
OFFSET: reason` (the first 1,000), then a summary. The root is that of the newest commit whose
root can be read. FROM is not changed. Exit status 0 when TO is complete, whatever was lost; it
then verifies clean, but for damaged records of the Python storage, which are printed and
copied as they are. `protobase copy` brings TO into a bucket.

Examples:
  protobase verify people || protobase salvage people people.new
  protobase salvage s3://bucket/people people.new)text";

}  // namespace

void add_salvage_command(CommandLine& line) {
  auto options = std::make_shared<SalvageOptions>();
  line.add_command("salvage", "Copy what can be read of a damaged space into a new one",
                   [options](Output& out) { salvage(*options, out); })
      .positional("FROM", options->from, "The damaged space, in a directory or a bucket")
      .positional("TO", options->to, "Where to: a directory, absent or empty")
      .flag("--json", options->json, "Print one JSON object")
      .footer(kFooter);
}

}  // namespace protobase::cli
