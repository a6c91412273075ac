// Writing and reading the parts of a URL the way object stores sign them: percent-encoding, query,
// and what may be given as an endpoint.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/percent_decode.h"

namespace protobase::cloud {

/// Every byte but `A-Z a-z 0-9 - . _ ~` as %XX with upper-case digits: RFC 3986, and the only form
/// whose signature fits (a space is %20, never '+').
std::string percent_encode(std::string_view text);

/// The same, but '/' stays. Nothing else is touched: `//`, `.` and `..` are part of a key.
std::string percent_encode_path(std::string_view text);

using base::percent_decode;

/// Names and values, not encoded; a name may come twice, a value may be empty.
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

/// `name=value&...`, encoded, in byte order of the encoded names, then values: what is sent and
/// what is signed. "" for none.
std::string query_text(const QueryParameters& parameters);

/// `scheme://host[:port]` taken apart.
struct Endpoint {
  bool is_https = true;
  std::string host;        ///< lower case; an IPv6 address in brackets
  std::uint16_t port = 0;  ///< 0: the scheme's own

  /// What goes into the Host header: the port only if it is not the scheme's own.
  std::string authority() const;
  /// `scheme://authority`
  std::string origin() const;
  /// A number instead of a name, or `localhost`: nothing can stand in front of it.
  bool is_address() const;
  /// `localhost`, 127.0.0.0/8 or ::1: what is sent there without TLS stays here.
  bool is_this_machine() const;
};

/// A slash at the end is let through. ValidationError that names `what` for everything else that is
/// no endpoint: another scheme, a path, a query, a user, a port out of range.
Endpoint parse_endpoint(std::string_view url, std::string_view what);

}  // namespace protobase::cloud
