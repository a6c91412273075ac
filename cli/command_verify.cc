// `protobase verify`: reads and checks everything.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/open_space.h"
#include "cli/places.h"
#include "cli/progress.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

struct VerifyOptions {
  std::string space;
  bool json = false;
};

VerifyReport verify_with_progress(SharedStorage& storage) {
  ProgressBar bar("verify");
  return storage.verify([&](std::uint64_t done, std::uint64_t total) { bar.report(done, total); });
}

void print_text(const VerifyReport& report, Output& out) {
  print_places("bad", report.bad, out);
  if (report.bad_places > report.bad.size()) {
    out.write_line(fmt::format("... and {} more bad places",
                               human_count(report.bad_places - report.bad.size())));
  }
  print_places("torn", report.torn_tails, out);
  out.write_line(fmt::format("WALs        {}", human_count(report.wals)));
  out.write_line(fmt::format("records     {}", human_count(report.records)));
  out.write_line(fmt::format("payload     {}", human_bytes(report.payload_bytes)));
  out.write_line(fmt::format("commits     {}", human_count(report.commits)));
  out.write_line(fmt::format("torn tails  {}", human_count(report.torn_tails.size())));
  out.write_line(fmt::format("bad places  {}", human_count(report.bad_places)));
}

Atom to_atom(const VerifyReport& report) {
  return Atom::object({{"wals", report.wals},
                       {"records", report.records},
                       {"payload_bytes", report.payload_bytes},
                       {"commits", report.commits},
                       {"bad_places", report.bad_places},
                       {"bad", places_to_atom(report.bad)},
                       {"torn_tails", places_to_atom(report.torn_tails)}});
}

void verify(const VerifyOptions& options, Output& out) {
  const auto storage = open_for_reading(parse_location(options.space));
  const VerifyReport report = verify_with_progress(*storage);
  storage->close();
  if (options.json) {
    out.write_line(to_atom(report).to_json());
  } else {
    print_text(report, out);
  }
  if (report.bad_places > 0) {
    throw CorruptionError(
        fmt::format("{}: {} bad place(s), listed on standard output; nothing was changed: "
                    "restore what is damaged from a copy, or keep "
                    "what is left with `protobase salvage LOCATION TO`",
                    options.space, report.bad_places));
  }
}

constexpr auto kFooter =
    R"text(Reads every record of every WAL and the root, changes nothing. Each damaged place is
printed as `bad WAL OFFSET: reason` (the first 1,000), then a summary. Exit status 4 when
there is one. `torn` looks like the rest of a write that was never acknowledged: harmless.

Example:
  protobase verify people --json)text";

}  // namespace

void add_verify_command(CommandLine& line) {
  auto options = std::make_shared<VerifyOptions>();
  line.add_command("verify", "Read and check every record",
                   [options](Output& out) { verify(*options, out); })
      .positional("SPACE", options->space, "The directory or bucket to read")
      .flag("--json", options->json, "Print one JSON object")
      .footer(kFooter);
}

}  // namespace protobase::cli
