// protobase-cloud-bench GROUP --endpoint URL --prefix TEXT [OPTION]...: one group of workloads at a
// server of the API of S3, results as JSON on standard output. Keys come from AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY. cloud_bench.py is how it is meant to be run.
#include <cstdlib>

#include "bare_put.h"
#include "bench/compare/program.h"

namespace protobase::cloud_bench {
namespace {

void run_make_bucket(const Run& run, JSON&) { BarePut(run).make_bucket(); }

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Run parse(const compare::Words& words) {
  Run run;
  run.access_key = environment("AWS_ACCESS_KEY_ID");
  run.secret_key = environment("AWS_SECRET_ACCESS_KEY");
  compare::take_options(words,
                        {{"--endpoint", [&](const auto& text) { run.endpoint = text; }},
                         {"--bucket", [&](const auto& text) { run.bucket = text; }},
                         {"--prefix", [&](const auto& text) { run.prefix = text; }},
                         {"--directory", [&](const auto& text) { run.directory = text; }},
                         {"--as", [&](const auto& text) { run.as = text; }},
                         {"--commits", [&](const auto& text) { run.commits = std::stoull(text); }},
                         {"--budget", [&](const auto& text) { run.budget_s = std::stod(text); }},
                         {"--seconds", [&](const auto& text) { run.seconds = std::stoull(text); }},
                         {"--parallel", [&](const auto& text) { run.parallel = std::stoi(text); }}},
                        {{"--quick", [&] { run.quick = true; }},
                         {"--mock", [&] { run.mock = true; }},
                         {"--merge", [&] { run.merge = true; }}});
  if (run.prefix.empty()) throw std::invalid_argument("no --prefix");
  return run;
}

const compare::Program<Run> kProgram = {
    "protobase-cloud-bench",
    "usage: protobase-cloud-bench GROUP --prefix TEXT (--endpoint URL | --mock) [--bucket NAME] "
    "[--quick] [--directory DIR] [--as NAME] [--commits N] [--budget SECONDS] [--seconds N] "
    "[--parallel N] [--merge]\n",
    parse,
    {{"make_bucket", run_make_bucket},
     {"latency", run_latency},
     {"requests", run_requests},
     {"upload", run_upload},
     {"idle", run_idle},
     {"log", run_log}}};

}  // namespace
}  // namespace protobase::cloud_bench

int main(int argc, char** argv) {
  return protobase::compare::run_program(protobase::cloud_bench::kProgram, argc, argv);
}
