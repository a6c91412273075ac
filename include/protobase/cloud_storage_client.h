// CloudStorageClient: one bucket of an object store. What every store of this kind can do, and no
// more: whole objects that appear at once, preconditions on putting them, ranges on getting them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protobase/errors.h"
#include "protobase/export.h"
#include "protobase/shared_bytes.h"

namespace protobase {

/// What a store says of an object without its bytes.
struct CloudObjectMetadata {
  std::string key;
  std::uint64_t size = 0;  ///< bytes of the whole object
  /// An ETag (S3) or a generation (Google), to be handed back as it is. Changes with every put of
  /// other bytes; that of S3 may be the same again for the same bytes. Empty where a list does not
  /// tell it, which is left to the store.
  std::string version;
  std::int64_t last_modified_us = 0;  ///< since 1970 UTC by the store's clock; 0: not told
  /// For clients that keep copies of objects. Of this library none does: false and empty here. A
  /// store caches blocks, see CloudFileStorage::cache_stats().
  bool is_cached = false;
  std::string cache_path;
};
/// The name that S3 users know.
using S3ObjectMetadata = CloudObjectMetadata;

/// An object, or the range of it that was asked for.
struct CloudObject {
  CloudObjectMetadata metadata;
  SharedBytes bytes;  ///< of the range asked for, cut where the object ends
};

/// Bytes of an object.
struct CloudRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// How much to get.
struct CloudGetOptions {
  std::optional<CloudRange> range{};  ///< of at least one byte; none: the whole object
  /// A longer answer is an error and is not read to its end.
  std::uint64_t max_bytes = std::uint64_t{64} << 20;
};

enum class CloudGetStatus {
  kFound,
  kAbsent,     ///< no such object
  kUnchanged,  ///< the object still has the version the caller knows
};

/// What a get found.
struct CloudGetResult {
  CloudGetStatus status = CloudGetStatus::kAbsent;
  CloudObject object{};  ///< for kFound
};

/// What must be so for a put to take effect.
struct CloudPutCondition {
  /// Which condition.
  enum class Kind {
    kNone,    ///< creates or overwrites
    kAbsent,  ///< no object of this key is there
    kVersion  ///< the object is there and has `version`
  };
  Kind kind = Kind::kNone;
  std::string version{};

  static CloudPutCondition overwrite() { return {}; }
  static CloudPutCondition if_absent() { return {Kind::kAbsent, {}}; }
  static CloudPutCondition if_version(std::string version) {
    return {Kind::kVersion, std::move(version)};
  }
};

/// What a put did.
struct CloudPutResult {
  bool stored = false;    ///< false: the condition did not hold, nothing was changed
  std::string version{};  ///< of what was stored
};

/// A part of a listing.
struct CloudListPage {
  std::vector<CloudObjectMetadata> objects;  ///< by key, in byte order
  bool is_truncated = false;                 ///< there are more behind the last one
};

/// Requests made since the client was built, whatever became of them; for costs and for tests.
struct CloudRequestCounts {
  std::uint64_t puts = 0;  ///< multipart and resumable uploads: one for each request
  std::uint64_t gets = 0;  ///< head too
  std::uint64_t lists = 0;
  std::uint64_t deletes = 0;
  std::uint64_t bytes_sent = 0;      ///< of bodies
  std::uint64_t bytes_received = 0;  ///< of bodies
};

/// What is known of a request that failed.
enum class CloudFailure {
  /// Answered: no, and the same request will get the same answer. Or not sent, as whoever answers
  /// there is not trusted.
  kRefused,
  kNotNow,   ///< answered: not now (throttled, busy, lost against another request); no effect
  kNotSent,  ///< no connection: the store has not seen it
  kUnknown,  ///< sent, but no usable answer: it may have taken effect, now or later
};

/// A request to an object store failed. Nobody has tried again: who asked decides.
class PROTOBASE_EXPORT CloudStorageError : public UnexpectedError {
 public:
  CloudStorageError(CloudFailure failure, int http_status, const std::string& message)
      : UnexpectedError(message), failure_(failure), http_status_(http_status) {}
  CloudFailure failure() const noexcept { return failure_; }
  /// 0: there was no answer.
  int http_status() const noexcept { return http_status_; }
  /// Whether the same request may go better later. Harmless only if it can be repeated.
  bool may_retry() const noexcept { return failure_ != CloudFailure::kRefused; }

 private:
  CloudFailure failure_;
  int http_status_;
};

/// Contract, held by test/conformance/cloud_client_conformance.h; thread-safe, calls run in
/// parallel:
///  - A client has one bucket and one prefix; keys are relative to it, UTF-8, 1 - 1,024 bytes with
///    the prefix, no control characters. "." and "..", and segments like these, are keys like
///    others; only where the prefix is empty the two would be URLs of the bucket, and are none.
///    ValidationError for others, before any request. (Amazon itself refuses a key with more ".."
///    than segments in front of them.)
///  - After a put was answered, every get, head and list of any client sees it (strong consistency,
///    as S3, Google Cloud Storage and what speaks their API have it).
///  - Of several conditional puts at once at most one takes effect.
///  - One call is one request, without a retry, but for three things: a large put is split into
///    parts; a clock that is wrong or credentials that expired are refused by the store without
///    effect, are put right and the request is sent once more.
///  - Errors: CloudStorageError; NotAuthorizedError (credentials missing, refused, without the
///    right; no effect); NotFoundError (no such bucket; no effect). Each names operation, bucket,
///    key, status and the store's own words, never a secret.
class PROTOBASE_EXPORT CloudStorageClient {
 public:
  virtual ~CloudStorageClient() = default;

  /// `known_version`, if not empty: kUnchanged while the object has it. A range that begins behind
  /// the end: kFound without bytes, and of the metadata only the key is sure. An answer longer than
  /// max_bytes: CloudStorageError, kRefused.
  virtual CloudGetResult get(const std::string& key, const CloudGetOptions& options = {},
                             const std::string& known_version = {}) = 0;

  /// Stores the parts, one behind the other, as one object that appears whole or not at all.
  virtual CloudPutResult put(const std::string& key,
                             std::span<const std::span<const std::byte>> parts,
                             const CloudPutCondition& condition) = 0;

  /// nullopt: no such object.
  virtual std::optional<CloudObjectMetadata> head(const std::string& key) = 0;

  /// Objects whose keys begin with `prefix` and come behind `start_after` (empty: all), in order,
  /// at most `max_keys` of them (1 - 1,000).
  virtual CloudListPage list(const std::string& prefix, const std::string& start_after,
                             unsigned max_keys) = 0;

  /// Removes them; one that is not there counts as removed. Requests of up to 1,000 keys (S3) or
  /// several at once (Google).
  virtual void remove(std::span<const std::string> keys) = 0;

  virtual CloudRequestCounts counts() const = 0;

  /// `s3://bucket/prefix` or `gs://bucket/prefix`, for messages.
  virtual std::string location() const = 0;
};

}  // namespace protobase
