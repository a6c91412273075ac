#include "test/soak/record.h"

#include <array>
#include <istream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace protobase::soak {
namespace {

constexpr std::array<std::string_view, 5> kActions = {"set", "cas", "read", "flush", "open"};
constexpr std::array<std::string_view, 5> kOutcomes = {"unknown", "yes", "no", "refused", "failed"};

template <typename Value, std::size_t n>
Value parse_word(const std::array<std::string_view, n>& words, const std::string& word) {
  for (std::size_t i = 0; i < n; ++i) {
    if (words[i] == word) return static_cast<Value>(i);
  }
  throw std::runtime_error("unknown word " + word);
}

std::string text_of(const std::optional<AtomPointer>& pointer) {
  return pointer ? pointer->to_string() : "none";
}

std::optional<AtomPointer> parse_pointer(const std::string& text) {
  if (text == "none") return std::nullopt;
  return AtomPointer::parse(text);
}

/// Takes lines in and knows each thread's call that has not ended yet.
class Parser {
 public:
  void take(const std::string& line) {
    std::istringstream words(line);
    char kind = 0;
    unsigned thread = 0;
    words >> kind >> thread;
    if (kind == 'P') {
      take_push(words);
    } else if (kind == 'B') {
      take_begin(words, thread);
    } else if (kind == 'E') {
      take_end(words, thread);
    } else {
      words.setstate(std::ios::failbit);
    }
    if (words.fail()) throw std::runtime_error("no line of a record: " + line);
  }

  Record record() && { return std::move(record_); }

 private:
  void take_push(std::istream& words) {
    Push push;
    std::string pointer;
    if (!(words >> push.name >> push.size >> pointer)) return;
    push.pointer = AtomPointer::parse(pointer);
    record_.pushes.push_back(std::move(push));
  }

  void take_begin(std::istream& words, unsigned thread) {
    Call call;
    std::string action;
    std::string pointer;
    if (!(words >> call.begin_ns >> action)) return;
    call.thread = thread;
    call.action = parse_word<Action>(kActions, action);
    call.pushes_before = record_.pushes.size();
    if (call.is_commit()) {
      if (!(words >> call.name >> pointer)) return;
      call.root = AtomPointer::parse(pointer);
    }
    if (call.action == Action::kCompareAndSet) {
      if (!(words >> pointer)) return;
      call.expected = parse_pointer(pointer);
    }
    open_[thread] = record_.calls.size();
    record_.calls.push_back(std::move(call));
  }

  void take_end(std::istream& words, unsigned thread) {
    const auto open = open_.extract(thread);
    if (!open) throw std::runtime_error("the end of a call that was not begun");
    Call& call = record_.calls[open.mapped()];
    std::string word;
    if (!(words >> call.end_ns >> word)) return;
    call.outcome = parse_word<Outcome>(kOutcomes, word);
    if (call.outcome == Outcome::kUnknown) call.end_ns = kNever;
    if (call.action != Action::kRead || call.outcome != Outcome::kYes) return;
    if (words >> word) call.seen = parse_pointer(word);
  }

  Record record_;
  std::map<unsigned, std::size_t> open_;
};

}  // namespace

std::string payload_of(const std::string& name, std::size_t size) {
  std::string payload = name + '\n';
  std::uint64_t state = std::hash<std::string>{}(name) | 1;
  payload.reserve(size);
  while (payload.size() < size) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    payload.push_back(static_cast<char>(state >> 56));
  }
  return payload;
}

std::optional<std::string> name_in(std::string_view payload) {
  const auto end = payload.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(payload.substr(0, end));
}

std::string pushed_line(unsigned thread, const Push& push) {
  return "P " + std::to_string(thread) + " " + push.name + " " + std::to_string(push.size) + " " +
         push.pointer.to_string() + "\n";
}

std::string begin_line(const Call& call) {
  std::string line = "B " + std::to_string(call.thread) + " " + std::to_string(call.begin_ns) +
                     " " + std::string(kActions[static_cast<std::size_t>(call.action)]);
  if (call.is_commit()) line += " " + call.name + " " + call.root.to_string();
  if (call.action == Action::kCompareAndSet) line += " " + text_of(call.expected);
  return line + "\n";
}

std::string end_line(const Call& call) {
  std::string line = "E " + std::to_string(call.thread) + " " + std::to_string(call.end_ns) + " " +
                     std::string(kOutcomes[static_cast<std::size_t>(call.outcome)]);
  if (call.action == Action::kRead) line += " " + text_of(call.seen);
  return line + "\n";
}

Record read_record(std::istream& lines) {
  Parser parser;
  std::string line;
  while (std::getline(lines, line)) {
    if (lines.eof()) break;  // no line feed behind it
    parser.take(line);
  }
  return std::move(parser).record();
}

}  // namespace protobase::soak
