#include "cli/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <sstream>
#include <utility>

#include "cli/exit_status.h"

namespace protobase::cli {

Arguments& Arguments::positional(const std::string& name, std::string& bound,
                                 const std::string& help) {
  command_.add_option(name, bound, help)->required();
  return *this;
}

Arguments& Arguments::positionals(const std::string& name, std::vector<std::string>& bound,
                                  const std::string& help) {
  command_.add_option(name, bound, help)->required();
  return *this;
}

Arguments& Arguments::optional_positionals(const std::string& name, std::vector<std::string>& bound,
                                           const std::string& help) {
  command_.add_option(name, bound, help);
  return *this;
}

Arguments& Arguments::option(const std::string& name, const std::string& value, std::string& bound,
                             const std::string& help) {
  command_.add_option(name, bound, help)->type_name(value);
  return *this;
}

Arguments& Arguments::option(const std::string& name, const std::string& value,
                             std::optional<std::string>& bound, const std::string& help) {
  command_.add_option(name, bound, help)->type_name(value);
  return *this;
}

Arguments& Arguments::option(const std::string& name, const std::string& value, std::size_t& bound,
                             const std::string& help) {
  const CLI::Validator is_count(
      [](const std::string& text) {
        if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
          return "'" + text + "' is no number of 0 or more";
        }
        // The parser would take it for an octal number.
        return text.size() > 1 && text.front() == '0'
                   ? "'" + text + "': write it without leading zeros"
                   : std::string();
      },
      "", "count");
  command_.add_option(name, bound, help)->check(is_count)->type_name(value);
  return *this;
}

Arguments& Arguments::flag(const std::string& name, bool& bound, const std::string& help) {
  command_.add_flag(name, bound, help);
  return *this;
}

Arguments& Arguments::footer(const std::string& text) {
  command_.footer(text);
  return *this;
}

struct CommandLine::Parser {
  struct Command {
    CLI::App* app;
    std::function<void(Output& out)> run;
  };
  CLI::App app;
  std::vector<Command> commands{};
};

namespace {

/// The arguments, last one first as the parser wants them. A name like "[a,b]" would be split into
/// two by it, "./[a,b]" is the same file.
std::vector<std::string> reversed_arguments(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    std::string argument = argv[i];
    if (argument.starts_with('[') && argument.ends_with(']')) argument.insert(0, "./");
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

}  // namespace

CommandLine::CommandLine(const std::string& description, const std::string& footer,
                         const std::string& version)
    : parser_(new Parser{CLI::App(description, "protobase")}) {
  parser_->app.set_version_flag("--version", version, "Print the version");
  parser_->app.require_subcommand(0, 1);  // none at all gets a message of our own
  parser_->app.footer(footer);
}

CommandLine::~CommandLine() = default;

Arguments CommandLine::add_command(const std::string& name, const std::string& description,
                                   std::function<void(Output& out)> run) {
  CLI::App* command = parser_->app.add_subcommand(name, description);
  parser_->commands.push_back({command, std::move(run)});
  return Arguments(*command);
}

std::string CommandLine::chosen() const {
  const auto chosen = parser_->app.get_subcommands();
  return chosen.empty() ? std::string{} : chosen.front()->get_name();
}

void CommandLine::run(int argc, char** argv, Output& out) {
  try {
    parser_->app.parse(reversed_arguments(argc, argv));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      const std::string command = chosen();
      throw UsageError(fmt::format("{}; see protobase {}{}--help", error.what(), command,
                                   command.empty() ? "" : " "));
    }
    std::ostringstream text;
    parser_->app.exit(error, text, text);
    out.write(text.str());
    return;
  }
  if (parser_->app.get_subcommands().empty()) {
    throw UsageError("no command given; see protobase --help");
  }
  for (const auto& command : parser_->commands) {
    if (command.app->parsed()) command.run(out);
  }
}

}  // namespace protobase::cli
