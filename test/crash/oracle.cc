#include "test/crash/oracle.h"

#include <algorithm>
#include <utility>

#include "protobase/errors.h"

namespace protobase::crash {
namespace {

std::string text_of(const std::optional<AtomPointer>& pointer) {
  return pointer ? pointer->to_string() : "none";
}

}  // namespace

void Oracle::pushed(int writer, const AtomPointer& pointer, std::string payload) {
  pushes_.push_back(
      {writer, pointer, std::make_shared<const std::string>(std::move(payload)), false, false});
}

void Oracle::flushed(int writer) {
  for (Push& push : pushes_) push.durable |= push.writer == writer;
}

void Oracle::gone(int writer) {
  for (Push& push : pushes_) push.given_up |= push.writer == writer && !push.durable;
}

void Oracle::commit_begins(int writer, const AtomPointer& root) {
  commits_.push_back({writer, root, pushes_.size(), State::kInFlight});
}

void Oracle::commit_ended(State state) {
  Commit& commit = commits_.back();
  commit.state = state;
  if (state == State::kAcknowledged) flushed(commit.writer);
}

void Oracle::saw_root(const std::optional<AtomPointer>& root, const std::string& who) {
  const auto acknowledged = acknowledged_root();
  if (root == acknowledged) return;
  for (auto commit = commits_.rbegin(); commit != commits_.rend(); ++commit) {
    if (commit->state == State::kAcknowledged) break;
    if (commit->state != State::kInFlight || commit->root != root) continue;
    commit->state = State::kAcknowledged;
    for (std::size_t i = 0; i < commit->pushes; ++i) {
      pushes_[i].durable |= pushes_[i].writer == commit->writer;
    }
    return;
  }
  throw Violation(who + " reads root " + text_of(root) + ", acknowledged is " +
                  text_of(acknowledged));
}

std::optional<AtomPointer> Oracle::acknowledged_root() const {
  for (auto commit = commits_.rbegin(); commit != commits_.rend(); ++commit) {
    if (commit->state == State::kAcknowledged) return commit->root;
  }
  return std::nullopt;
}

bool Oracle::is_certain() const {
  return std::none_of(commits_.begin(), commits_.end(),
                      [](const Commit& commit) { return commit.state == State::kInFlight; });
}

std::uint64_t Oracle::fingerprint() const {
  std::uint64_t hash = pushes_.size();
  const auto mix = [&](std::uint64_t value) { hash = (hash ^ value) * 0x9E3779B97F4A7C15ull + 1; };
  for (const Push& push : pushes_) {
    mix(std::hash<AtomPointer>{}(push.pointer));
    mix(push.durable ? 1 : 0);
  }
  for (const Commit& commit : commits_) {
    mix(std::hash<AtomPointer>{}(commit.root));
    mix(static_cast<std::uint64_t>(commit.state));
  }
  return hash;
}

void Oracle::check(SharedStorage& storage, bool verify) const {
  const std::vector<bool> present = check_history(storage);
  for (std::size_t i = 0; i < pushes_.size(); ++i) {
    bool must_be_there = pushes_[i].durable;
    for (std::size_t c = 0; c < commits_.size(); ++c) {
      must_be_there |=
          present[c] && commits_[c].writer == pushes_[i].writer && i < commits_[c].pushes;
    }
    if (must_be_there || !pushes_[i].given_up) check_atom(storage, pushes_[i], must_be_there);
  }
  if (!verify) return;
  const VerifyReport report = storage.verify({});
  if (report.bad_places != 0) {
    throw Violation("verify: " + report.bad[0].pointer.to_string() + ": " + report.bad[0].reason);
  }
}

void Oracle::check_durable_atoms(SharedStorage& storage) const {
  for (const Push& push : pushes_) {
    if (push.durable) check_atom(storage, push, true);
  }
}

/// Which commits are in the history. From the newest back: an address that was given up may be that
/// of a later, acknowledged root.
std::vector<bool> Oracle::check_history(SharedStorage& storage) const {
  const auto history = storage.root_history(1000);
  const auto root = storage.read_current_root();
  const auto newest = history.empty() ? std::nullopt : std::optional(history.front().root);
  if (root != newest) throw Violation("the root is not the newest of the history");
  std::vector<bool> present(commits_.size(), false);
  std::size_t at = 0;
  for (std::size_t c = commits_.size(); c-- > 0;) {
    const bool matches = at < history.size() && history[at].root == commits_[c].root;
    if (matches && commits_[c].state != State::kNotCommitted) {
      present[c] = true;
      ++at;
    } else if (commits_[c].state == State::kAcknowledged) {
      throw Violation("acknowledged commit of " + commits_[c].root.to_string() +
                      " is lost or not in its place; the root is " + text_of(root));
    }
  }
  if (at != history.size()) {
    throw Violation("the history holds a commit that was not made: " +
                    history[at].root.to_string());
  }
  for (std::size_t i = 1; i < history.size(); ++i) {
    if (history[i].sequence >= history[i - 1].sequence) throw Violation("sequences do not grow");
  }
  return present;
}

void Oracle::check_atom(SharedStorage& storage, const Push& push, bool must_be_there) const {
  const std::string name = "the atom at " + push.pointer.to_string();
  try {
    if (storage.get_bytes(push.pointer).as_text() != *push.payload) {
      throw Violation(name + " has wrong bytes");
    }
  } catch (const NotFoundError& error) {
    if (must_be_there) throw Violation(name + " was acknowledged and is lost: " + error.what());
  } catch (const ProtoBaseError& error) {
    throw Violation(name + (must_be_there ? " (acknowledged)" : " (never acknowledged)") +
                    " cannot be read: " + error.what());
  }
}

}  // namespace protobase::crash
