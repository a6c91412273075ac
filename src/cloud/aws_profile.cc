#include "cloud/aws_profile.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "cloud/small_file.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

using Sections = std::map<std::string, std::map<std::string, std::string>>;

/// Without a comment behind it, which a blank must go before.
std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_comment = text[i] == '#' || text[i] == ';';
    if (is_comment && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t'))
      return text.substr(0, i);
  }
  return text;
}

/// What stands between the brackets, as the shell splits it: Amazon's tool puts names with a blank
/// in quotes. A blank behind the first word, more of them in front of the rest count as one.
std::string section_name(std::string_view text) {
  const auto blank = text.find_first_of(" \t");
  if (blank == std::string_view::npos) return std::string(text);
  std::string_view rest = base::trimmed(text.substr(blank));
  const bool is_quoted = rest.size() > 1 && (rest[0] == '"' || rest[0] == '\'');
  if (is_quoted && rest.back() == rest[0]) rest = rest.substr(1, rest.size() - 2);
  return std::string(text.substr(0, blank)).append(" ").append(rest);
}

/// The path a variable or, without one, the home directory gives; nullopt when there is neither.
std::optional<std::string> file_path(os::Environment& environment, const std::string& variable,
                                     const std::string& below_home) {
  const auto home = environment.get("HOME");
  const auto given = environment.get(variable);
  if (given && !given->empty()) {
    return given->starts_with("~/") && home ? *home + given->substr(1) : *given;
  }
  if (!home || home->empty()) return std::nullopt;
  return *home + below_home;
}

/// Of the file that `variable` or, without it, a place below the home directory gives.
Sections read_sections(os::Environment& environment, os::FileSystem& file_system,
                       const std::string& variable, const std::string& below_home) {
  const auto path = file_path(environment, variable, below_home);
  if (!path) return {};
  const auto text = read_small_file(file_system, *path, variable);
  return text ? parse_aws_profiles(*text, *path, variable) : Sections{};
}

}  // namespace

std::string AWSProfile::get(const std::string& setting) const {
  const auto found = settings.find(setting);
  return found == settings.end() ? "" : found->second;
}

Sections parse_aws_profiles(std::string_view text, const std::string& path,
                            const std::string& setting) {
  Sections sections;
  std::map<std::string, std::string>* section = nullptr;
  std::string group;                  // the setting that ones further in belong to
  std::optional<std::size_t> indent;  // of the settings of this section
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const std::string_view whole = text.substr(at, end - at);
    at = end + 1;
    ++number;
    const std::string_view line = base::trimmed(without_comment(whole));
    if (line.empty()) continue;
    const std::size_t own_indent = whole.find_first_not_of(" \t");
    const bool is_nested = own_indent > indent.value_or(section == nullptr ? 0 : own_indent);
    const auto fail = [&](const std::string& why) {
      throw ValidationError(path + ", line " + std::to_string(number) + ": " + why +
                            "; look at that line, and whether " + setting +
                            " names the file that was meant");
    };
    const auto equals = line.find('=');
    if (is_nested) {
      if (group.empty() || equals == std::string_view::npos) continue;  // of no interest here
      (*section)[group + "." + base::lower_case(base::trimmed(line.substr(0, equals)))] =
          base::trimmed(line.substr(equals + 1));
      continue;
    }
    if (line.starts_with('[')) {
      if (!line.ends_with(']')) fail("no ] at the end of the name of a section");
      section = &sections[section_name(base::trimmed(line.substr(1, line.size() - 2)))];
      group.clear();
      indent.reset();
      continue;
    }
    if (equals == std::string_view::npos) fail("no =");
    if (section == nullptr) fail("a setting in front of the first [section]");
    const std::string name = base::lower_case(base::trimmed(line.substr(0, equals)));
    const std::string& value = (*section)[name] = base::trimmed(line.substr(equals + 1));
    group = value.empty() ? name : "";
    indent = own_indent;
  }
  return sections;
}

AWSProfile read_aws_profile(const std::string& name, os::Environment& environment,
                            os::FileSystem& file_system) {
  AWSProfile profile;
  profile.name = name.empty() ? environment.get("AWS_PROFILE").value_or("") : name;
  profile.was_named = !profile.name.empty();
  if (!profile.was_named) profile.name = "default";
  const auto take = [&](const Sections& sections, const std::string& section) {
    const auto found = sections.find(section);
    if (found == sections.end()) return;
    profile.is_there = true;
    for (const auto& [setting, value] : found->second) profile.settings.emplace(setting, value);
  };
  take(read_sections(environment, file_system, kCredentialsFileVariable, "/.aws/credentials"),
       profile.name);
  const auto config = read_sections(environment, file_system, kConfigFileVariable, "/.aws/config");
  take(config, "profile " + profile.name);
  if (profile.name == "default") take(config, "default");
  if (const std::string services = profile.get("services"); !services.empty()) {
    // Of what else stands there, nothing is of the profile.
    const auto found = config.find("services " + services);
    if (found == config.end()) return profile;
    for (const auto& [setting, value] : found->second) {
      if (setting.starts_with("s3.")) profile.settings.emplace(setting, value);
    }
  }
  return profile;
}

}  // namespace protobase::cloud
