// The headers that make a put conditional, and the one thing stores disagree about: whether the
// ETag stands in quotes there, as HTTP has it (Amazon), or bare (Ceph's gateway). Found out by the
// first one that should have matched and did not, then remembered.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "os/net/http.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// Thread-safe.
class S3Preconditions final {
 public:
  /// Does the put under these headers. The version stored; nullopt: the condition did not hold.
  using Attempt = std::function<std::optional<std::string>(const os::HTTPHeaders& condition)>;
  /// The version that is there now, as the store gives it; "" for none.
  using CurrentVersion = std::function<std::string()>;

  CloudPutResult put(const CloudPutCondition& condition, const Attempt& attempt,
                     const CurrentVersion& current_version);

 private:
  enum class Form { kUnknown, kQuoted, kBare };

  std::optional<std::string> put_if_version(const std::string& version, const Attempt& attempt,
                                            const CurrentVersion& current_version);

  std::atomic<Form> form_{Form::kUnknown};
};

/// Without the quotes around it; nor the W/ that a proxy puts in front, as a weak one never
/// matches.
std::string bare_etag(std::string_view etag);

}  // namespace protobase::cloud
