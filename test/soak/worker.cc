#include "test/soak/worker.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "protobase/errors.h"

namespace protobase::soak {
namespace {

constexpr std::size_t kSmall = 200;
constexpr std::size_t kLarge = 20'000;
constexpr std::size_t kRoot = 100;
constexpr std::size_t kBulk = 1'200'000;
constexpr unsigned kMaxFailures = 8;

std::uint64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

}  // namespace

Plan fixed_plan(const std::string& letters) {
  return [letters, at = std::make_shared<std::size_t>(0)] {
    return *at < letters.size() ? letters[(*at)++] : '\0';
  };
}

Plan random_plan(const std::string& letters, std::uint64_t seed, std::uint64_t steps) {
  struct State {
    std::uint64_t random;
    std::uint64_t done = 0;
  };
  return [letters, steps, state = std::make_shared<State>(State{seed})] {
    if (steps != 0 && state->done++ == steps) return '\0';
    return letters[next_random(state->random) % letters.size()];
  };
}

Worker::Worker(std::string tag, OpenStorage open, Report report)
    : Worker(std::move(tag), std::move(open), std::move(report), nullptr) {}

Worker::Worker(std::string tag, OpenStorage open, Report report, Merge merge)
    : tag_(std::move(tag)),
      open_(std::move(open)),
      report_(std::move(report)),
      merge_(std::move(merge)) {}

void Worker::open() {
  Call call;
  call.action = Action::kOpen;
  report_call(call, [&](Call&) { storage_ = open_(); });
}

void Worker::close() {
  Call call;
  call.action = Action::kFlush;  // all that was pushed is durable then
  report_call(call, [&](Call&) { storage_->close(); });
}

void Worker::run(unsigned thread, const Plan& plan) {
  for (char letter = plan(); letter != 0 && !is_over_; letter = plan()) step(thread, letter);
}

void Worker::step(unsigned thread, char letter) {
  switch (letter) {
    case 'p': push(thread, kSmall); break;
    case 'l': push(thread, kLarge); break;
    case 'b': push_bulk(thread); break;
    case 'x': roll_over(thread); break;
    case 'f': flush(thread); break;
    case 's': commit(thread, Action::kSet, std::nullopt); break;
    case 'c': commit(thread, Action::kCompareAndSet, read(thread)); break;
    case 'w': commit(thread, Action::kCompareAndSet, push(thread, kRoot).pointer); break;
    case 'r': read(thread); break;
    case 'g': get(thread); break;
    case 'o':
      close();
      open();
      break;
    case 'm': merge(); break;
    case 'k': std::raise(SIGKILL); break;
    default: throw std::invalid_argument(std::string("no step of a plan: ") + letter);
  }
}

Push Worker::push(unsigned thread, std::size_t size) {
  Push push{tag_ + "." + std::to_string(named_++), size, {}};
  push.pointer = storage_->push_bytes(as_bytes(payload_of(push.name, size)));
  report_(pushed_line(thread, push));
  return push;
}

void Worker::push_bulk(unsigned thread) {
  for (std::size_t pushed = 0; pushed < kBulk; pushed += kLarge) push(thread, kLarge);
}

void Worker::roll_over(unsigned thread) {
  const UUID before = push(thread, kLarge).pointer.transaction_id;
  while (push(thread, kLarge).pointer.transaction_id == before) {
  }
}

void Worker::commit(unsigned thread, Action action, const std::optional<AtomPointer>& expected) {
  const Push root = push(thread, kRoot);
  Call call;
  call.thread = thread;
  call.action = action;
  call.name = root.name;
  call.root = root.pointer;
  call.expected = expected;
  report_call(call, [&](Call& answered) {
    if (action == Action::kSet) {
      storage_->set_current_root(root.pointer);
    } else if (!storage_->compare_and_set_root(expected, root.pointer)) {
      answered.outcome = Outcome::kNo;
    }
  });
}

std::optional<AtomPointer> Worker::read(unsigned thread) {
  std::optional<AtomPointer> seen;
  Call call;
  call.thread = thread;
  call.action = Action::kRead;
  report_call(call, [&](Call& answered) { answered.seen = seen = storage_->read_current_root(); });
  return seen;
}

void Worker::flush(unsigned thread) {
  Call call;
  call.thread = thread;
  call.action = Action::kFlush;
  report_call(call, [&](Call&) { storage_->flush_wal(); });
}

/// What comes back is right, whoever pushed it and whatever the way did to it.
void Worker::get(unsigned thread) {
  const auto root = read(thread);
  if (!root) return;
  try {
    const SharedBytes bytes = storage_->get_bytes(*root);
    const auto name = name_in(bytes.as_text());
    if (!name || payload_of(*name, bytes.size()) != bytes.as_text()) {
      throw std::runtime_error("wrong bytes at " + root->to_string());
    }
  } catch (const ProtoBaseError& error) {
    if (!merge_) throw;
    std::fprintf(stderr, "get: %s\n", error.what());
  }
}

/// May be broken off by anything.
void Worker::merge() {
  try {
    merge_(*storage_);
  } catch (const ProtoBaseError& error) {
    std::fprintf(stderr, "merge: %s\n", error.what());
  }
}

/// An outcome of its own is reported as such; any other error is, for the record, no answer.
template <typename Work>
void Worker::report_call(Call call, Work work) {
  call.begin_ns = now_ns();
  report_(begin_line(call));
  call.outcome = Outcome::kYes;
  try {
    work(call);
  } catch (const LockingError&) {
    call.outcome = Outcome::kRefused;
  } catch (const OutcomeUnknownError&) {
    call.outcome = Outcome::kUnknown;
  } catch (const ProtoBaseError& error) {
    if (!merge_ || call.action == Action::kOpen || call.action == Action::kRead) throw;
    std::fprintf(stderr, "failed: %s\n", error.what());
    call.outcome = Outcome::kFailed;
  }
  const bool is_usual = call.outcome == Outcome::kYes || call.outcome == Outcome::kNo;
  const unsigned failures = is_usual ? failures_ = 0 : ++failures_;
  if (merge_ && !is_usual) {
    is_over_ = is_over_ || call.outcome != Outcome::kFailed || failures == kMaxFailures;
  }
  call.end_ns = now_ns();
  report_(end_line(call));
}

}  // namespace protobase::soak
