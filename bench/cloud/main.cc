// protobase-cloud-bench GROUP --endpoint URL --prefix TEXT [OPTION]...: one group of workloads at a
// server of the API of S3, results as JSON on standard output. Keys come from AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY. cloud_bench.py is how it is meant to be run.
#include <cstdlib>
#include <iostream>

#include "bare_put.h"

namespace protobase::cloud_bench {
namespace {

void run_make_bucket(const Run& run, JSON&) { BarePut(run).make_bucket(); }

const std::map<std::string, void (*)(const Run&, JSON&)> kGroups = {
    {"make_bucket", run_make_bucket}, {"latency", run_latency}, {"requests", run_requests},
    {"upload", run_upload},           {"idle", run_idle},       {"log", run_log}};

constexpr auto kUsage =
    "usage: protobase-cloud-bench GROUP --prefix TEXT (--endpoint URL | --mock) [--bucket NAME] "
    "[--quick] "
    "[--directory DIR] [--as NAME] [--commits N] [--budget SECONDS] [--seconds N] [--parallel N] "
    "[--merge]\n";

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Run parse(const std::vector<std::string>& words) {
  Run run;
  run.access_key = environment("AWS_ACCESS_KEY_ID");
  run.secret_key = environment("AWS_SECRET_ACCESS_KEY");
  const std::map<std::string, std::function<void(const std::string&)>> options = {
      {"--endpoint", [&](const auto& text) { run.endpoint = text; }},
      {"--bucket", [&](const auto& text) { run.bucket = text; }},
      {"--prefix", [&](const auto& text) { run.prefix = text; }},
      {"--directory", [&](const auto& text) { run.directory = text; }},
      {"--as", [&](const auto& text) { run.as = text; }},
      {"--commits", [&](const auto& text) { run.commits = std::stoull(text); }},
      {"--budget", [&](const auto& text) { run.budget_s = std::stod(text); }},
      {"--seconds", [&](const auto& text) { run.seconds = std::stoull(text); }},
      {"--parallel", [&](const auto& text) { run.parallel = std::stoi(text); }}};
  const std::map<std::string, bool Run::*> flags = {
      {"--quick", &Run::quick}, {"--mock", &Run::mock}, {"--merge", &Run::merge}};
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto option = options.find(words[i]);
    const auto flag = flags.find(words[i]);
    if (option != options.end()) {
      option->second(words.at(++i));
    } else if (flag != flags.end()) {
      run.*flag->second = true;
    } else {
      throw std::invalid_argument("unknown option " + words[i]);
    }
  }
  if (run.prefix.empty()) throw std::invalid_argument("no --prefix");
  return run;
}

int run_program(const std::vector<std::string>& words) {
  const auto group = words.empty() ? kGroups.end() : kGroups.find(words[0]);
  if (group == kGroups.end()) {
    std::cerr << kUsage;
    return 2;
  }
  JSON results = JSON::array();
  group->second(parse(words), results);
  std::cout << results.dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace protobase::cloud_bench

int main(int argc, char** argv) {
  try {
    return protobase::cloud_bench::run_program({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "protobase-cloud-bench: " << error.what() << "\n";
    return 1;
  }
}
