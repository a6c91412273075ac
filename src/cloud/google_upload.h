// Putting an object: in one request, or as a resumable upload in pieces.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cloud/google_connection.h"

namespace protobase::cloud {

/// One object on its way. Lives for one call, in one thread.
class GoogleUpload final {
 public:
  using Parts = std::span<const std::span<const std::byte>>;

  GoogleUpload(GoogleConnection& connection, const std::string& key, const std::string& full_key,
               Parts parts, const CloudPutCondition& condition);

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
  std::vector<std::span<const std::byte>> slice(std::uint64_t begin, std::uint64_t end) const;

  GoogleConnection& connection_;
  const std::string& key_;
  const std::string& full_key_;
  const Parts parts_;
  const CloudPutCondition& condition_;
  std::uint64_t size_ = 0;
};

}  // namespace protobase::cloud
