#include "cloud/url.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

constexpr std::uint16_t kHTTPPort = 80;
constexpr std::uint16_t kHTTPSPort = 443;

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_unreserved(char c) {
  return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

std::string encode(std::string_view text, bool keeps_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c) || (keeps_slash && c == '/')) {
      result += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    result += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return result;
}

bool is_host(std::string_view host) {
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  if (is_bracketed) {  // an address of IPv6, whose letters end at f
    return std::all_of(host.begin(), host.end(), [](char c) {
      const char lower = static_cast<char>(c | 0x20);
      return is_digit(c) || c == ':' || c == '.' || (lower >= 'a' && lower <= 'f');
    });
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
  });
}

[[noreturn]] void throw_no_endpoint(std::string_view url, std::string_view what) {
  // Not more of it than the host: there may be a password in front or a token behind.
  const auto user_end = url.find('@');
  const std::string shown(user_end == std::string_view::npos ? url.substr(0, url.find('?'))
                                                             : "...");
  throw ValidationError(std::string(what) + " \"" + shown +
                        "\" is no endpoint: write http://host[:port] or https://host[:port]");
}

}  // namespace

std::string percent_encode(std::string_view text) { return encode(text, false); }
std::string percent_encode_path(std::string_view text) { return encode(text, true); }

std::string query_text(const QueryParameters& parameters) {
  QueryParameters encoded;
  encoded.reserve(parameters.size());
  for (const auto& [name, value] : parameters) {
    encoded.emplace_back(percent_encode(name), percent_encode(value));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded) {
    if (!text.empty()) text += '&';
    text += name + "=" + value;
  }
  return text;
}

std::string Endpoint::authority() const {
  const std::uint16_t own = is_https ? kHTTPSPort : kHTTPPort;
  return port == 0 || port == own ? host : host + ":" + std::to_string(port);
}

std::string Endpoint::origin() const { return (is_https ? "https://" : "http://") + authority(); }

bool Endpoint::is_address() const {
  if (host.starts_with('[') || host == "localhost") return true;
  return std::all_of(host.begin(), host.end(), [](char c) { return is_digit(c) || c == '.'; });
}

bool Endpoint::is_this_machine() const {
  return host == "localhost" || host == "[::1]" || (is_address() && host.starts_with("127."));
}

Endpoint parse_endpoint(std::string_view url, std::string_view what) {
  Endpoint endpoint;
  endpoint.is_https = url.starts_with("https://");
  if (!endpoint.is_https && !url.starts_with("http://")) throw_no_endpoint(url, what);
  std::string_view rest = url.substr(url.find("://") + 3);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto bracket = rest.starts_with('[') ? rest.find(']') : 0;
  const auto colon = bracket == std::string_view::npos ? bracket : rest.find(':', bracket);
  if (colon != std::string_view::npos) {
    const std::string_view digits = rest.substr(colon + 1);
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, endpoint.port);
    if (error != std::errc() || stop != end || endpoint.port == 0) throw_no_endpoint(url, what);
    rest = rest.substr(0, colon);
  }
  if (!is_host(rest)) throw_no_endpoint(url, what);
  endpoint.host = base::lower_case(rest);
  return endpoint;
}

}  // namespace protobase::cloud
