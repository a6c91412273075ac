// What a worker says it does, one line per step, and the record that is read from it. The record
// lies outside the store and outlives the worker: it is what a store is judged by (judge.h).
//
//   P <thread> <name> <size> <pointer>              pushed; the payload follows from name and size
//   B <thread> <ns> set <name> <pointer>            begins: commit of the atom <name>
//   B <thread> <ns> cas <name> <pointer> <expected> begins: compare-and-set
//   B <thread> <ns> read|flush|open                 begins
//   E <thread> <ns> yes|no|refused|failed|unknown [<root>] ends; the root is what a read saw
#pragma once

#include <cstdint>
#include <iosfwd>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protobase/atom_pointer.h"

namespace protobase::soak {

/// The bytes of an atom: its name, a line feed, and filler that follows from both.
/// Precondition: size > name.size().
std::string payload_of(const std::string& name, std::size_t size);
/// The name in a payload; nullopt when there is none.
std::optional<std::string> name_in(std::string_view payload);

enum class Action { kSet, kCompareAndSet, kRead, kFlush, kOpen };

enum class Outcome {
  kUnknown,  ///< no answer yet, or "unknown": it may still take effect
  kYes,
  kNo,       ///< compare-and-set: the root was another
  kRefused,  ///< LockingError: nothing of it took effect
  kFailed,   ///< another error that says: nothing of it took effect
};

inline constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

struct Push {
  std::string name;
  std::size_t size = 0;
  AtomPointer pointer;
};

/// One call, on the machine's monotonic clock, which all its processes share.
struct Call {
  Action action = Action::kRead;
  unsigned thread = 0;
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = kNever;
  Outcome outcome = Outcome::kUnknown;
  std::string name;                       ///< of the new root's atom
  AtomPointer root;                       ///< set, compare-and-set: the new one
  std::optional<AtomPointer> expected{};  ///< compare-and-set
  std::optional<AtomPointer> seen{};      ///< read
  std::size_t pushes_before = 0;          ///< of the whole process; they are durable when this is

  bool is_commit() const noexcept {
    return action == Action::kSet || action == Action::kCompareAndSet;
  }
};

/// All that one process said, in its order.
struct Record {
  std::vector<Push> pushes;
  std::vector<Call> calls;
};

std::string pushed_line(unsigned thread, const Push& push);
std::string begin_line(const Call& call);
/// `seen` is written for reads only.
std::string end_line(const Call& call);

/// Reads lines to the end. A last one without line feed was cut by a kill and is left out.
/// Throws std::runtime_error on a line that no worker writes.
Record read_record(std::istream& lines);

}  // namespace protobase::soak
