// protobase-compare GROUP --directory DIR [OPTION]...: one group of workloads, results as JSON on
// standard output. compare.py is how it is meant to be run.
#include <iostream>

#include "workloads.h"

namespace protobase::compare {
namespace {

const std::map<std::string, void (*)(const Run&, JSON&)> kGroups = {
    {"commits", run_commits},       {"pushes", run_pushes},     {"hot_gets", run_hot_gets},
    {"small_gets", run_small_gets}, {"codecs", run_codecs},     {"scan", run_scan},
    {"cold_gets", run_cold_gets},   {"populate", run_populate}, {"open", run_open},
    {"memory", run_memory}};

constexpr auto kUsage =
    "usage: protobase-compare GROUP --directory DIR [--quick] [--store NAME] [--atoms N] [--kill] "
    "[--again]\n";

Run parse(const std::vector<std::string>& words) {
  Run run;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto value = [&] { return words.at(++i); };
    if (words[i] == "--directory")
      run.directory = value();
    else if (words[i] == "--quick")
      run.quick = true;
    else if (words[i] == "--store")
      run.store = value();
    else if (words[i] == "--atoms")
      run.atoms = std::stoull(value());
    else if (words[i] == "--kill")
      run.kill = true;
    else if (words[i] == "--again")
      run.create = false;
    else
      throw std::invalid_argument("unknown option " + words[i]);
  }
  if (run.directory.empty()) throw std::invalid_argument("no --directory");
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
}  // namespace protobase::compare

int main(int argc, char** argv) {
  try {
    return protobase::compare::run_program({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "protobase-compare: " << error.what() << "\n";
    return 1;
  }
}
