#include "cloud/google_upload.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "cloud/google_json.h"
#include "protobase/errors.h"

namespace protobase::cloud {

namespace {

constexpr int kOK = 200;
constexpr int kCreated = 201;
constexpr int kResumeIncomplete = 308;
constexpr int kNotFound = 404;
constexpr int kGone = 410;
constexpr int kPreconditionFailed = 412;
constexpr std::string_view kBytes = "application/octet-stream";

}  // namespace

GoogleUpload::GoogleUpload(GoogleConnection& connection, const std::string& key,
                           const std::string& full_key, base::ByteSpans parts,
                           const CloudPutCondition& condition)
    : connection_(connection),
      key_(key),
      full_key_(full_key),
      parts_(parts),
      condition_(condition),
      size_(base::total_size(parts)) {}

CloudPutResult GoogleUpload::send_whole() {
  os::HTTPRequest request;
  request.method = "POST";
  request.url = connection_.upload_url(query("media"));
  request.headers = {{"Content-Type", std::string(kBytes)}};
  request.body.assign(parts_.begin(), parts_.end());
  return result_of(connection_.send(operation(false), RequestKind::kPut, std::move(request)));
}

CloudPutResult GoogleUpload::send_in_pieces(std::uint64_t piece_size) {
  const std::string session = begin_session();
  if (session.empty()) return {};
  for (std::uint64_t begin = 0;;) {
    const std::uint64_t end = std::min(begin + piece_size, size_);
    const bool is_last = end == size_;
    os::HTTPRequest request;
    request.method = "PUT";
    request.url = session;
    request.headers = {
        {"Content-Type", std::string(kBytes)},
        {"Content-Range", "bytes " + std::to_string(begin) + "-" + std::to_string(end - 1) + "/" +
                              std::to_string(size_)}};
    request.body = base::cut_spans(parts_, begin, end - begin);
    const auto response =
        connection_.send(operation(!is_last), RequestKind::kPut, std::move(request));
    if (response.status == kNotFound || response.status == kGone) {
      connection_.fail(operation(true), CloudFailure::kNotNow, response.status,
                       "the store has forgotten the upload");
    }
    if (response.status != kResumeIncomplete) return result_of(response);
    begin = persisted(response, begin, end);
  }
}

/// "" when the condition does not hold.
std::string GoogleUpload::begin_session() {
  os::HTTPRequest request;
  request.method = "POST";
  request.url = connection_.upload_url(query("resumable"));
  request.headers = {{"X-Upload-Content-Type", std::string(kBytes)},
                     {"X-Upload-Content-Length", std::to_string(size_)}};
  const auto response = connection_.send(operation(true), RequestKind::kPut, std::move(request));
  if (is_condition_unmet(response)) return "";
  if (response.status != kOK && response.status != kCreated) {
    connection_.fail(operation(true), response);
  }
  std::string session = connection_.at_endpoint(response.header("location"));
  if (session.empty()) {
    connection_.fail(operation(true), CloudFailure::kRefused, response.status,
                     "the answer does not say where to upload to");
  }
  return session;
}

/// Where to go on: the store may have kept less than was sent, but each piece must get further.
std::uint64_t GoogleUpload::persisted(const os::HTTPResponse& response, std::uint64_t sent_from,
                                      std::uint64_t sent_to) const {
  constexpr std::string_view kStart = "bytes=0-";
  std::string_view range = response.header("range");
  std::uint64_t last = 0;
  bool is_good = range.starts_with(kStart);
  if (is_good) {
    range.remove_prefix(kStart.size());
    const auto [end, error] = std::from_chars(range.data(), range.data() + range.size(), last);
    is_good = error == std::errc() && end == range.data() + range.size();
  }
  if (!is_good || last < sent_from || last >= sent_to || last + 1 == size_) {
    connection_.fail(operation(sent_to < size_), CloudFailure::kUnknown, response.status,
                     "the upload does not get on: " + store_words(response.header("range")));
  }
  return last + 1;
}

/// Who set no condition must not take it for an answer to one: Google says 412 of a violated policy
/// of the organisation, too.
bool GoogleUpload::is_condition_unmet(const os::HTTPResponse& response) const {
  return response.status == kPreconditionFailed &&
         condition_.kind != CloudPutCondition::Kind::kNone;
}

CloudPutResult GoogleUpload::result_of(const os::HTTPResponse& response) const {
  if (is_condition_unmet(response)) return {};
  if (response.status != kOK && response.status != kCreated) {
    connection_.fail(operation(false), response);
  }
  std::string problem = "the answer is of another object";
  try {
    // The name must be exactly the one that was put: as a prefix it leaves nothing behind.
    const auto stored = parse_google_object(parse_google_json(response.text()), full_key_);
    if (stored.key.empty() && stored.size == size_) return {true, stored.version};
  } catch (const ValidationError& error) {
    problem = std::string("the answer is not understood: ") + error.what();
  }
  connection_.fail(operation(false), CloudFailure::kUnknown, response.status, problem);
}

QueryParameters GoogleUpload::query(std::string upload_type) const {
  QueryParameters parameters = {{"uploadType", std::move(upload_type)}, {"name", full_key_}};
  switch (condition_.kind) {
    case CloudPutCondition::Kind::kNone: break;
    case CloudPutCondition::Kind::kAbsent: parameters.emplace_back("ifGenerationMatch", "0"); break;
    case CloudPutCondition::Kind::kVersion:
      parameters.emplace_back("ifGenerationMatch", condition_.version);
      break;
  }
  return parameters;
}

GoogleOperation GoogleUpload::operation(bool is_harmless) const {
  return {"put", key_, is_harmless};
}

}  // namespace protobase::cloud
