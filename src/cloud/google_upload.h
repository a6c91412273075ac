// Putting an object: in one request, or as a resumable upload in pieces.
#pragma once

#include <cstdint>
#include <string>

#include "base/byte_spans.h"
#include "cloud/google_connection.h"

namespace protobase::cloud {

/// One object on its way. Lives for one call, in one thread.
class GoogleUpload final {
 public:
  GoogleUpload(GoogleConnection& connection, const std::string& key, const std::string& full_key,
               base::ByteSpans parts, const CloudPutCondition& condition);

  std::uint64_t size() const noexcept { return size_; }

  CloudPutResult send_whole();
  /// An upload that was broken off has no effect; Google forgets it after a week.
  CloudPutResult send_in_pieces(std::uint64_t piece_size);

 private:
  QueryParameters query(std::string upload_type) const;
  GoogleOperation operation(bool is_harmless) const;
  std::string begin_session();
  std::uint64_t persisted(const os::HTTPResponse& response, std::uint64_t sent_from,
                          std::uint64_t sent_to) const;
  bool is_condition_unmet(const os::HTTPResponse& response) const;
  CloudPutResult result_of(const os::HTTPResponse& response) const;

  GoogleConnection& connection_;
  const std::string& key_;
  const std::string& full_key_;
  const base::ByteSpans parts_;
  const CloudPutCondition& condition_;
  const std::uint64_t size_;
};

}  // namespace protobase::cloud
