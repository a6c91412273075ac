// Signs the requests that come as JSON lines on standard input and writes a JSON line with URL and
// headers for each: what test/system/sigv4_botocore_test.py compares with botocore.
#include <exception>
#include <iostream>
#include <string>

#include "cloud/sigv4.h"
#include "cloud/url.h"
#include "os/net/crypto.h"
#include "protobase/atom.h"
#include "protobase/shared_bytes.h"

namespace {

using protobase::Atom;
using protobase::cloud::Endpoint;

std::vector<std::pair<std::string, std::string>> pairs(const Atom& list) {
  std::vector<std::pair<std::string, std::string>> result;
  for (const Atom& pair : list.elements()) {
    result.emplace_back(pair.at(0).as_string(), pair.at(1).as_string());
  }
  return result;
}

Atom signed_request(const Atom& asked, protobase::cloud::SigningKeyCache& cache) {
  const Endpoint endpoint =
      protobase::cloud::parse_endpoint(asked.at("endpoint").as_string(), "endpoint");
  protobase::cloud::RequestToSign request;
  request.method = asked.at("method").as_string();
  request.host = endpoint.authority();
  request.path = protobase::cloud::percent_encode_path(asked.at("path").as_string());
  request.query = pairs(asked.at("query"));
  request.headers = pairs(asked.at("headers"));
  request.payload_sha256 = protobase::os::to_hex(
      protobase::os::sha256(protobase::as_bytes(asked.at("body").as_string())));
  const protobase::cloud::AWSKeys keys = {asked.at("access_key").as_string(),
                                          asked.at("secret_key").as_string(),
                                          asked.at("session_token").as_string()};
  const auto added =
      sign_v4(request, keys, {asked.at("region").as_string(), asked.at("service").as_string()},
              asked.at("time").as_int64(), cache);
  Atom headers = Atom::object();
  for (const auto& [name, value] : added) headers.set(name, value);
  const std::string query = protobase::cloud::query_text(request.query);
  return Atom::object(
      {{"url", endpoint.origin() + request.path + (query.empty() ? "" : "?") + query},
       {"headers", std::move(headers)}});
}

}  // namespace

int main() {
  try {
    protobase::cloud::SigningKeyCache cache;
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << signed_request(Atom::parse_json(line), cache) << '\n';
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "sign_requests: " << error.what() << '\n';
    return 1;
  }
}
