// What a store was asked to do and what it answered, kept outside the store; and the judgement
// whether what comes back after a crash or a fault keeps the promise.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "protobase/storage.h"

namespace protobase::crash {

/// The promise was broken: how.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A value: a copy is the record at that moment.
class Oracle {
 public:
  enum class State {
    kInFlight,      ///< begun, no answer yet; or the answer was "unknown"
    kAcknowledged,  ///< answered, or somebody has read it as the root
    kNotCommitted,  ///< refused, or answered that it did not happen
  };

  /// `writer` is one storage from opening to closing; another one has another number.
  void pushed(int writer, const AtomPointer& pointer, std::string payload);
  /// All that `writer` pushed is durable.
  void flushed(int writer);
  /// `writer` is gone, not all it pushed is durable: other atoms may get those addresses.
  void gone(int writer);
  void commit_begins(int writer, const AtomPointer& root);
  /// The answer to the last commit_begins().
  void commit_ended(State state);
  /// Somebody was told that this is the root: it may not go back any more.
  /// Throws Violation when it is none that could be.
  void saw_root(const std::optional<AtomPointer>& root, const std::string& who);

  std::optional<AtomPointer> acknowledged_root() const;
  bool is_certain() const;
  std::uint64_t fingerprint() const;

  /// Reads everything from a storage opened after the crash. Throws Violation. Promised: the root
  /// history is all acknowledged commits in order, with unanswered ones between them or not; what a
  /// commit in it may refer to, and what was flushed, is there byte by byte; anything else is right
  /// or absent; with `verify`, that finds nothing.
  void check(SharedStorage& storage, bool verify = true) const;
  /// The part about atoms only: every durable one is right.
  void check_durable_atoms(SharedStorage& storage) const;

 private:
  struct Push {
    int writer = 0;
    AtomPointer pointer;
    std::shared_ptr<const std::string> payload;
    bool durable = false;
    bool given_up = false;  // its address may be another's now
  };
  struct Commit {
    int writer = 0;
    AtomPointer root;
    std::size_t pushes = 0;  // made before it, by all writers
    State state = State::kInFlight;
  };

  std::vector<bool> check_history(SharedStorage& storage) const;
  void check_atom(SharedStorage& storage, const Push& push, bool must_be_there) const;

  std::vector<Push> pushes_;
  std::vector<Commit> commits_;
};

}  // namespace protobase::crash
