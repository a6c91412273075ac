// The command line of a program of groups of workloads, `NAME GROUP [OPTION]...`: this folder's and
// that of bench/cloud. Results go as JSON to standard output.
#pragma once

#include <iostream>
#include <stdexcept>

#include "measure.h"

namespace protobase::compare {

using Words = std::vector<std::string>;
using Options = std::map<std::string, std::function<void(const std::string&)>>;  ///< with a value
using Flags = std::map<std::string, std::function<void()>>;                      ///< without

/// Takes the words behind the group. Throws std::invalid_argument for one that is not known.
inline void take_options(const Words& words, const Options& options, const Flags& flags) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto option = options.find(words[i]);
    const auto flag = flags.find(words[i]);
    if (option != options.end()) {
      option->second(words.at(++i));
    } else if (flag != flags.end()) {
      flag->second();
    } else {
      throw std::invalid_argument("unknown option " + words[i]);
    }
  }
}

/// `Run` is what a group is asked for.
template <typename Run>
struct Program {
  const char* name;
  const char* usage;
  Run (*parse)(const Words& words);
  std::map<std::string, void (*)(const Run&, JSON&)> groups;  ///< each appends its results
};

/// Returns the status of the process.
template <typename Run>
int run_program(const Program<Run>& program, int argc, char** argv) {
  try {
    const Words words(argv + 1, argv + argc);
    const auto group = words.empty() ? program.groups.end() : program.groups.find(words[0]);
    if (group == program.groups.end()) {
      std::cerr << program.usage;
      return 2;
    }
    JSON results = JSON::array();
    group->second(program.parse(words), results);
    std::cout << results.dump() << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << program.name << ": " << error.what() << "\n";
    return 1;
  }
}

}  // namespace protobase::compare
