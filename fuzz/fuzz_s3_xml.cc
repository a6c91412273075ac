// The XML of an object store: whatever a server answers is read or refused, and what was read keeps
// what is promised: UTF-8, sizes that fit, times that are times.
#include <string>

#include "base/utf8.h"
#include "cloud/s3_errors.h"
#include "cloud/s3_xml.h"
#include "fuzz/fuzzing.h"
#include "protobase/errors.h"

namespace {

using protobase::ValidationError;
using protobase::base::find_invalid_utf8;
using protobase::fuzz::require;
using protobase::fuzz::result_unless;

constexpr std::size_t kMaxTextBytes = 16 << 10;

void check_text(const std::string& text) {
  require(text.size() <= kMaxTextBytes);
  require(!find_invalid_utf8(text));
}

void check_error(const protobase::cloud::S3Error& error) {
  require(!error.code.empty());
  for (const auto& text : {error.code, error.message, error.region, error.key}) check_text(text);
}

void check_list(std::string_view xml) {
  const auto answer =
      result_unless<ValidationError>([&] { return protobase::cloud::parse_s3_list(xml); });
  if (!answer) return;
  for (const auto& object : answer->objects) {
    check_text(object.key);
    check_text(object.version);
    require(!object.version.empty());
    require(object.last_modified_us >= 0);
  }
}

/// Every error becomes one of ours, on one line that is not too long.
void check_message(int status, const protobase::cloud::S3Error& error) {
  try {
    protobase::cloud::throw_s3_error({"get", "s3://b at http://h", "k"}, status, error);
  } catch (const protobase::ProtoBaseError& thrown) {
    const std::string_view text = thrown.what();
    require(text.size() < 1500);
    require(text.find('\n') == std::string_view::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  check_list(xml);
  if (const auto error = protobase::cloud::parse_s3_error(xml)) {
    check_error(*error);
    check_message(400, *error);
  }
  const auto errors =
      result_unless<ValidationError>([&] { return protobase::cloud::parse_s3_delete(xml); });
  if (errors) {
    for (const auto& error : *errors) check_error(error);
  }
  const auto complete =
      result_unless<ValidationError>([&] { return protobase::cloud::parse_s3_complete(xml); });
  if (complete && complete->error) check_error(*complete->error);
  const auto id =
      result_unless<ValidationError>([&] { return protobase::cloud::parse_s3_upload_id(xml); });
  if (id) require(!id->empty());
  const auto keys =
      result_unless<ValidationError>([&] { return protobase::cloud::parse_sts_credentials(xml); });
  if (keys) require(!keys->secret_key.empty());
  return 0;
}
