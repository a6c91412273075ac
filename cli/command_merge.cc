// `protobase merge`: large objects of the small ones that commits left in a bucket.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/cloud.h"
#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/open_space.h"
#include "cli/progress.h"
#include "protobase/atom.h"

namespace protobase::cli {
namespace {

struct MergeOptions {
  std::string space;
  bool json = false;
};

CloudMergeReport merge_with_progress(SharedStorage& storage) {
  ProgressBar bar("merge");
  return merge_slots(storage,
                     [&](std::uint64_t done, std::uint64_t total) { bar.report(done, total); });
}

void print_text(const CloudMergeReport& merged, Output& out) {
  out.write_line(fmt::format("slots     {}", human_count(merged.slots)));
  out.write_line(fmt::format("segments  {}", human_count(merged.segments)));
  out.write_line(fmt::format("content   {}", human_bytes(merged.bytes)));
  out.write_line(fmt::format("removed   {}", human_count(merged.removed)));
}

Atom to_atom(const CloudMergeReport& merged) {
  return Atom::object({{"slots", merged.slots},
                       {"segments", merged.segments},
                       {"bytes", merged.bytes},
                       {"removed", merged.removed}});
}

void merge(const MergeOptions& options, Output& out) {
  const Location location = parse_location(options.space);
  const bool is_bucket = std::holds_alternative<BucketLocation>(location);
  const OpenSpace space =
      is_bucket ? open_existing_for_writing(location) : open_for_reading(location);
  const CloudMergeReport merged = is_bucket ? merge_with_progress(*space) : CloudMergeReport();
  space->close();
  if (options.json) {
    out.write_line(to_atom(merged).to_json());
  } else if (!is_bucket) {
    out.write_line(options.space + " is a directory, which needs no merging; nothing was done");
  } else {
    print_text(merged, out);
  }
}

constexpr auto kFooter =
    R"text(Each commit leaves a slot in a bucket: a small object. This makes segments of them, of up to
64 MiB, and removes the slots, but for the newest one. Pointers stay as they are; others may
read and commit meanwhile, and nobody is taken over. When it is broken off, run it again.
Writers that live long do this by themselves when 4,096 slots wait. In a directory there is
nothing to merge.

Example:
  protobase merge s3://bucket/people)text";

}  // namespace

void add_merge_command(CommandLine& line) {
  auto options = std::make_shared<MergeOptions>();
  line.add_command("merge", "Make large objects of small ones in a bucket",
                   [options](Output& out) { merge(*options, out); })
      .positional("SPACE", options->space, "The bucket; a directory has nothing to merge")
      .flag("--json", options->json, "Print one JSON object")
      .footer(kFooter);
}

}  // namespace protobase::cli
