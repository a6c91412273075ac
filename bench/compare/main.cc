// protobase-compare GROUP --directory DIR [OPTION]...: one group of workloads, results as JSON on
// standard output. compare.py is how it is meant to be run.
#include "program.h"
#include "workloads.h"

namespace protobase::compare {
namespace {

Run parse(const Words& words) {
  Run run;
  take_options(words,
               {{"--directory", [&](const auto& text) { run.directory = text; }},
                {"--store", [&](const auto& text) { run.store = text; }},
                {"--atoms", [&](const auto& text) { run.atoms = std::stoull(text); }}},
               {{"--quick", [&] { run.quick = true; }},
                {"--kill", [&] { run.kill = true; }},
                {"--again", [&] { run.create = false; }}});
  if (run.directory.empty()) throw std::invalid_argument("no --directory");
  return run;
}

const Program<Run> kProgram = {
    "protobase-compare",
    "usage: protobase-compare GROUP --directory DIR [--quick] [--store NAME] [--atoms N] [--kill] "
    "[--again]\n",
    parse,
    {{"commits", run_commits},
     {"pushes", run_pushes},
     {"hot_gets", run_hot_gets},
     {"small_gets", run_small_gets},
     {"codecs", run_codecs},
     {"scan", run_scan},
     {"growth", run_growth},
     {"cold_gets", run_cold_gets},
     {"populate", run_populate},
     {"open", run_open},
     {"memory", run_memory},
     {"blob_copies", run_blob_copies}}};

}  // namespace
}  // namespace protobase::compare

int main(int argc, char** argv) {
  return protobase::compare::run_program(protobase::compare::kProgram, argc, argv);
}
