// What a command takes, as its file declares it. Keeps the parser, a header of many thousand lines,
// inside cli/arguments.cc.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/output.h"

namespace CLI {
class App;
}

namespace protobase::cli {

/// The arguments of one command. What is bound must live as long as the parser. Names of options
/// begin with "--"; `value` names what follows one in the help.
class Arguments final {
 public:
  explicit Arguments(CLI::App& command) : command_(command) {}

  Arguments& positional(const std::string& name, std::string& bound, const std::string& help);
  /// One or more.
  Arguments& positionals(const std::string& name, std::vector<std::string>& bound,
                         const std::string& help);
  /// Any number; `bound` keeps what it holds when there are none.
  Arguments& optional_positionals(const std::string& name, std::vector<std::string>& bound,
                                  const std::string& help);
  Arguments& option(const std::string& name, const std::string& value, std::string& bound,
                    const std::string& help);
  Arguments& option(const std::string& name, const std::string& value,
                    std::optional<std::string>& bound, const std::string& help);
  Arguments& option(const std::string& name, const std::string& value, std::size_t& bound,
                    const std::string& help);
  Arguments& flag(const std::string& name, bool& bound, const std::string& help);
  /// What the help says behind the arguments.
  Arguments& footer(const std::string& text);

 private:
  CLI::App& command_;
};

/// The command line of the program.
class CommandLine final {
 public:
  /// `version`: what --version prints.
  CommandLine(const std::string& description, const std::string& footer,
              const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// `run` is called when this command was chosen, after its arguments were parsed.
  Arguments add_command(const std::string& name, const std::string& description,
                        std::function<void(Output& out)> run);

  /// Runs the chosen command, or prints the help or the version that was asked for. UsageError: the
  /// arguments are no command; nothing was run.
  void run(int argc, char** argv, Output& out);
  /// The name of the chosen command; empty when there is none.
  std::string chosen() const;

 private:
  struct Parser;
  const std::unique_ptr<Parser> parser_;
};

}  // namespace protobase::cli
