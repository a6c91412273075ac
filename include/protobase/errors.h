// The one error mechanism: exceptions derived from ProtoBaseError, thrown where the failure is
// found. Every message says what failed, where (WAL, offset, file, key) and, where it helps, what
// to do.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>

#include "protobase/atom_pointer.h"
#include "protobase/export.h"

namespace protobase {

/// Numeric class of an error, stable across releases; the values ProtoBase's Python layer knows.
enum class ErrorCode : int {
  kValidation = 10000,
  kNotFound = 20000,
  kCorruption = 30000,
  kNotSupported = 40000,
  kNotAuthorized = 50000,
  kUnexpected = 60000,
  kLocking = 70000,
  kOutcomeUnknown = 80000,
};

/// Base of everything this library throws on purpose.
class PROTOBASE_EXPORT ProtoBaseError : public std::runtime_error {
 public:
  ProtoBaseError(ErrorCode code, const std::string& message)
      : std::runtime_error(message), code_(code) {}
  int code() const noexcept { return static_cast<int>(code_); }

 private:
  ErrorCode code_;
};

/// The caller asked for something that can never work: bad argument, wrong type, call after close.
class PROTOBASE_EXPORT ValidationError : public ProtoBaseError {
 public:
  explicit ValidationError(const std::string& message)
      : ProtoBaseError(ErrorCode::kValidation, message) {}
};

/// The thing named is not there: unknown WAL, pointer past the end or between records, no such
/// space.
class PROTOBASE_EXPORT NotFoundError : public ProtoBaseError {
 public:
  explicit NotFoundError(const std::string& message)
      : ProtoBaseError(ErrorCode::kNotFound, message) {}
};

/// Stored bytes are not what was written. Nothing was repaired; everything else stays readable.
class PROTOBASE_EXPORT CorruptionError : public ProtoBaseError {
 public:
  explicit CorruptionError(const std::string& message)
      : ProtoBaseError(ErrorCode::kCorruption, message) {}
  /// The message gets "WAL <id>, offset <n>: " in front of `reason`.
  CorruptionError(const AtomPointer& where, const std::string& reason)
      : ProtoBaseError(ErrorCode::kCorruption, "WAL " + where.transaction_id.to_string() +
                                                   ", offset " + std::to_string(where.offset) +
                                                   ": " + reason),
        where_(where) {}
  /// Where the bad bytes start, when they lie in a WAL.
  const std::optional<AtomPointer>& where() const noexcept { return where_; }

 private:
  std::optional<AtomPointer> where_;
};

/// Valid, but not for this version or this medium: a newer file format, a write to a read-only
/// space.
class PROTOBASE_EXPORT NotSupportedError : public ProtoBaseError {
 public:
  explicit NotSupportedError(const std::string& message)
      : ProtoBaseError(ErrorCode::kNotSupported, message) {}
};

/// The operating system or a service refused access.
class PROTOBASE_EXPORT NotAuthorizedError : public ProtoBaseError {
 public:
  explicit NotAuthorizedError(const std::string& message)
      : ProtoBaseError(ErrorCode::kNotAuthorized, message) {}
};

/// A medium or the environment failed: I/O error, disk full, out of descriptors, poisoned WAL.
class PROTOBASE_EXPORT UnexpectedError : public ProtoBaseError {
 public:
  explicit UnexpectedError(const std::string& message)
      : ProtoBaseError(ErrorCode::kUnexpected, message) {}
};

/// Mixed into an error of the moment: nothing of the call took effect or ever will, and the same
/// call may be made again.
class PROTOBASE_EXPORT NothingTookEffect {
 public:
  virtual ~NothingTookEffect() = default;
};

/// The medium is full (disk, quota, file size limit). Nothing is lost: the same call may be made
/// again when there is room.
class PROTOBASE_EXPORT NoSpaceError : public UnexpectedError, public NothingTookEffect {
 public:
  using UnexpectedError::UnexpectedError;
};

/// Lost a race, or a lock is held elsewhere. Nothing of the call took effect.
class PROTOBASE_EXPORT LockingError : public ProtoBaseError {
 public:
  explicit LockingError(const std::string& message)
      : ProtoBaseError(ErrorCode::kLocking, message) {}
};

/// Neither success nor failure could be established. `commit_id` names the attempt: after
/// reopening, the commit took effect exactly if root_history() lists a commit record at that
/// address.
class PROTOBASE_EXPORT OutcomeUnknownError : public ProtoBaseError {
 public:
  OutcomeUnknownError(const std::string& message, std::string commit_id)
      : ProtoBaseError(ErrorCode::kOutcomeUnknown, message), commit_id_(std::move(commit_id)) {}
  const std::string& commit_id() const noexcept { return commit_id_; }

 private:
  std::string commit_id_;
};

}  // namespace protobase
