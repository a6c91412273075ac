// `protobase stat`: what a space holds and what it takes.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/cloud.h"
#include "cli/cloud_cost.h"
#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/open_space.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "protobase/version.h"

namespace protobase::cli {
namespace {

struct StatOptions {
  std::string space;
  bool json = false;
  bool fast = false;
};

/// What a pass over the records of one WAL finds.
struct RecordCounts {
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t commits = 0;
  std::uint64_t bad_places = 0;
};

struct WALFigures {
  WALDescription description;
  RecordCounts counts;
};

/// Of a space in a bucket.
struct CloudFigures {
  BucketKind kind = BucketKind::kS3;
  CloudRequestCounts requests;   ///< of this command
  CloudUnnamedSegments unnamed;  ///< if the records were looked at
  CloudCheckpointSize checkpoint;
};

struct SpaceFigures {
  std::vector<WALFigures> wals;
  bool counted = false;  ///< whether the records were looked at
  std::optional<RootVersion> root;
  StorageStats stats;
  std::optional<CloudFigures> cloud;
};

std::string_view layout_text(WALLayout layout) {
  return layout == WALLayout::kVersion1 ? "version-1" : "legacy-python";
}

RecordCounts count_records(SharedStorage& storage, const UUID& wal) {
  RecordCounts counts;
  storage.scan_wal(wal, [&](const RecordInfo& record) {
    if (record.kind == RecordKind::kData) {
      ++counts.records;
      counts.payload_bytes += record.payload_size;
    }
    if (record.kind == RecordKind::kCommit) ++counts.commits;
    if (record.kind == RecordKind::kBad) ++counts.bad_places;
    return true;
  });
  return counts;
}

SpaceFigures collect(SharedStorage& storage, bool count) {
  SpaceFigures figures;
  figures.counted = count;
  const std::vector<WALDescription> wals = storage.list_wals();
  ProgressBar bar("stat");
  for (std::size_t i = 0; i < wals.size(); ++i) {
    if (count) bar.report(i, wals.size());
    figures.wals.push_back(
        {wals[i], count ? count_records(storage, wals[i].transaction_id) : RecordCounts{}});
  }
  const auto history = storage.root_history(1);
  if (!history.empty()) figures.root = history.front();
  figures.stats = storage.stats();
  return figures;
}

struct Totals {
  RecordCounts counts;
  std::uint64_t stored_bytes = 0;
};

Totals totals_of(const SpaceFigures& figures) {
  Totals totals;
  for (const WALFigures& wal : figures.wals) {
    totals.counts.records += wal.counts.records;
    totals.counts.payload_bytes += wal.counts.payload_bytes;
    totals.counts.commits += wal.counts.commits;
    totals.counts.bad_places += wal.counts.bad_places;
    totals.stored_bytes += wal.description.stored_bytes;
  }
  return totals;
}

void add_counts(Atom& atom, const RecordCounts& counts) {
  atom.set("records", counts.records);
  atom.set("payload_bytes", counts.payload_bytes);
  atom.set("commits", counts.commits);
  atom.set("bad_places", counts.bad_places);
}

Atom wal_atom(const WALFigures& wal, bool counted) {
  Atom atom = Atom::object({{"id", wal.description.transaction_id.to_string()},
                            {"layout", layout_text(wal.description.layout)},
                            {"stored_bytes", wal.description.stored_bytes},
                            {"end", wal.description.end}});
  if (counted) add_counts(atom, wal.counts);
  return atom;
}

Atom cache_atom(const CacheStats& cache) {
  return Atom::object({{"enabled", cache.enabled},
                       {"entries", cache.entries},
                       {"bytes", cache.bytes},
                       {"hits", cache.hits},
                       {"misses", cache.misses},
                       {"evictions", cache.evictions}});
}

Atom root_atom(const std::optional<RootVersion>& root) {
  if (!root) return nullptr;
  return Atom::object({{"pointer", root->root.to_string()},
                       {"sequence", root->sequence},
                       {"time", rfc3339(root->time_us)}});
}

Atom to_atom(const std::string& space, const SpaceFigures& figures) {
  Atom::Array wals;
  for (const WALFigures& wal : figures.wals) wals.push_back(wal_atom(wal, figures.counted));
  const Totals totals = totals_of(figures);
  Atom atom = Atom::object({{"space", space},
                            {"version", PROTOBASE_VERSION},
                            {"root", root_atom(figures.root)},
                            {"stored_bytes", totals.stored_bytes}});
  if (figures.counted) add_counts(atom, totals.counts);
  atom.set("wals", Atom::array(std::move(wals)));
  atom.set("caches", Atom::object({{"object", cache_atom(figures.stats.object_cache)},
                                   {"bytes", cache_atom(figures.stats.bytes_cache)}}));
  if (figures.cloud) {
    const CloudFigures& cloud = *figures.cloud;
    Atom cloud_figures = cloud_atom(cloud.requests, totals.stored_bytes, cloud.kind);
    cloud_figures.set("checkpoint", Atom::object({{"bytes", cloud.checkpoint.bytes},
                                                  {"max_bytes", cloud.checkpoint.max_bytes}}));
    if (figures.counted) {
      cloud_figures.set("unnamed_segments", Atom::object({{"objects", cloud.unnamed.objects},
                                                          {"bytes", cloud.unnamed.bytes}}));
    }
    atom.set("cloud", std::move(cloud_figures));
  }
  return atom;
}

void print_row(Output& out, std::string_view name, std::string_view value) {
  out.write_line(fmt::format("{:<13} {}", name, value));
}

void print_cache(Output& out, std::string_view name, const CacheStats& cache) {
  print_row(out, name,
            cache.enabled
                ? fmt::format("{} entries, {}, {} hits, {} misses", human_count(cache.entries),
                              human_bytes(cache.bytes), cache.hits, cache.misses)
                : "off");
}

void print_wal(Output& out, const WALFigures& wal, bool counted) {
  const std::string records =
      counted ? fmt::format("  {} records", human_count(wal.counts.records)) : std::string{};
  out.write_line(fmt::format("  {}  {:<13}  {:>10}{}", wal.description.transaction_id.to_string(),
                             layout_text(wal.description.layout),
                             human_bytes(wal.description.stored_bytes), records));
}

void print_cloud(Output& out, const CloudFigures& cloud, std::uint64_t stored_bytes) {
  const CloudRequestCounts& made = cloud.requests;
  const CloudPrices& prices = prices_of(cloud.kind);
  const CloudCost cost = cost_of(stored_bytes, prices);
  print_row(out, "requests",
            fmt::format("{} puts, {} gets, {} lists, {} deletes by this command, {}",
                        human_count(made.puts), human_count(made.gets), human_count(made.lists),
                        human_count(made.deletes), dollars(cost_of(made, prices))));
  print_row(out, "transferred",
            fmt::format("{} sent, {} received", human_bytes(made.bytes_sent),
                        human_bytes(made.bytes_received)));
  if (cloud.unnamed.objects > 0) {
    print_row(out, "unnamed",
              fmt::format("{} segments, {}, of flushes that never ended or are under way",
                          human_count(cloud.unnamed.objects), human_bytes(cloud.unnamed.bytes)));
  }
  if (cloud.checkpoint.is_large()) {
    print_row(
        out, "checkpoint",
        fmt::format("{} of {} that readers take: merge the store",
                    human_bytes(cloud.checkpoint.bytes), human_bytes(cloud.checkpoint.max_bytes)));
  }
  print_row(out, "prices", fmt::format("{} (docs/guide/cloud.md)", prices.name));
  print_row(out, "cost, stored", dollars(cost.storage_month) + " a month");
  print_row(out, "cost, commits", dollars(cost.thousand_commits) + " per 1,000, a request each");
  print_row(out, "cost, gets", dollars(cost.thousand_cold_gets) + " per 1,000 that no cache has");
  print_row(out, "cost, a day",
            dollars(cost.day) + " for what is stored, if somebody commits every second");
}

void print_table(const std::string& space, const SpaceFigures& figures, Output& out) {
  const Totals totals = totals_of(figures);
  print_row(out, "space", one_line(space));
  print_row(out, "version", "protobase " PROTOBASE_VERSION);
  print_row(out, "root", figures.root ? figures.root->root.to_string() : "none");
  if (figures.root) {
    print_row(
        out, "committed",
        fmt::format("{}, sequence {}", rfc3339(figures.root->time_us), figures.root->sequence));
  }
  print_row(out, "stored", human_bytes(totals.stored_bytes));
  if (figures.counted) {
    print_row(out, "records", human_count(totals.counts.records));
    print_row(out, "payload", human_bytes(totals.counts.payload_bytes));
    print_row(out, "commits", human_count(totals.counts.commits));
    print_row(out, "bad places", human_count(totals.counts.bad_places));
  }
  print_cache(out, "object cache", figures.stats.object_cache);
  print_cache(out, "bytes cache", figures.stats.bytes_cache);
  if (figures.cloud) print_cloud(out, *figures.cloud, totals.stored_bytes);
  print_row(out, "WALs", human_count(figures.wals.size()));
  for (const WALFigures& wal : figures.wals) print_wal(out, wal, figures.counted);
}

void stat(const StatOptions& options, Output& out) {
  const Location location = parse_location(options.space);
  const OpenSpace space = open_for_reading(location);
  SpaceFigures figures = collect(*space, !options.fast);
  if (const auto* const bucket = std::get_if<BucketLocation>(&location)) {
    const auto unnamed = options.fast ? CloudUnnamedSegments{} : unnamed_segments_of(*space);
    figures.cloud =
        CloudFigures{bucket->kind, space.client->counts(), unnamed, checkpoint_size_of(*space)};
  }
  space->close();
  if (options.json) {
    out.write_line(to_atom(options.space, figures).to_json());
  } else {
    print_table(options.space, figures, out);
  }
}

constexpr auto kFooter =
    R"text(Counting the records reads every WAL; --fast leaves that out. Stored bytes are what the
WALs take on the disk, preallocated space included; in a bucket, the bytes of the WALs, without
the few of framing around them. The caches are those of this process. Of a bucket it tells
the requests it made, what the store costs at a list price, and segments that nothing names.
Damage is counted; verify names it.

Example:
  protobase stat people --json)text";

}  // namespace

void add_stat_command(CommandLine& line) {
  auto options = std::make_shared<StatOptions>();
  line.add_command("stat", "Print what a space holds and takes",
                   [options](Output& out) { stat(*options, out); })
      .positional("SPACE", options->space, "The directory or bucket to read")
      .flag("--json", options->json, "Print one JSON object")
      .flag("--fast", options->fast, "Do not count records")
      .footer(kFooter);
}

}  // namespace protobase::cli
