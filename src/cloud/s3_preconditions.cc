#include "cloud/s3_preconditions.h"

namespace protobase::cloud {

std::string bare_etag(std::string_view etag) {
  if (etag.starts_with("W/\"")) etag.remove_prefix(2);
  const bool is_quoted = etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"');
  return std::string(is_quoted ? etag.substr(1, etag.size() - 2) : etag);
}

CloudPutResult S3Preconditions::put(const CloudPutCondition& condition, const Attempt& attempt,
                                    const CurrentVersion& current_version) {
  std::optional<std::string> version;
  switch (condition.kind) {
    case CloudPutCondition::Kind::kNone: version = attempt({}); break;
    case CloudPutCondition::Kind::kAbsent: version = attempt({{"If-None-Match", "*"}}); break;
    case CloudPutCondition::Kind::kVersion:
      version = put_if_version(condition.version, attempt, current_version);
      break;
  }
  return version ? CloudPutResult{true, *std::move(version)} : CloudPutResult{};
}

std::optional<std::string> S3Preconditions::put_if_version(const std::string& version,
                                                           const Attempt& attempt,
                                                           const CurrentVersion& current_version) {
  const std::string bare = bare_etag(version);
  const Form form = form_;
  if (form == Form::kBare) return attempt({{"If-Match", bare}});
  const auto stored = attempt({{"If-Match", "\"" + bare + "\""}});
  if (stored) form_ = Form::kQuoted;
  if (stored || form == Form::kQuoted) return stored;
  // Refused: because of another version, or because of the quotes? The version tells. Should it
  // change behind our back, the second attempt is as conditional as the first.
  if (bare_etag(current_version()) != bare) return std::nullopt;
  const auto stored_bare = attempt({{"If-Match", bare}});
  if (stored_bare) form_ = Form::kBare;
  return stored_bare;
}

}  // namespace protobase::cloud
