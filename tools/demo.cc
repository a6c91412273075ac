// `./dev run`: real data goes into a durable store and comes back. Every object of ISO 639-3 and
// ISO 3166-2 becomes an atom, each list an atom of references, an index over the lists the root;
// then the store is closed, reopened, walked from its root and compared with the source, object by
// object.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/human_text.h"
#include "protobase/protobase.h"

namespace protobase::demo {
namespace {

namespace fs = std::filesystem;
using cli::human_bytes;
using cli::human_count;
using cli::human_duration;

constexpr auto kIndexClass = "IsoCodesIndex";
constexpr std::size_t kWalkBatch = 1000;

struct Arguments {
  fs::path iso_codes;
  fs::path space;
  fs::path program;  ///< the command line tool beside this program, as a person here would type it
};

/// One list of the source and where its objects went.
struct CodeList {
  std::string_view title;
  std::string_view file;
  std::string_view standard;    ///< the one key of the file
  std::string_view class_name;  ///< of a reference to a member
  Atom objects;
  std::vector<AtomPointer> pointers;
};

/// What went wrong with the data, as opposed to with the program.
class Mismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void require(bool holds, const std::string& what) {
  if (!holds) throw Mismatch(what);
}

template <typename Work>
double seconds_of(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void say(std::string_view step, std::string_view what, double seconds) {
  fmt::print("  {:<9} {:<60} {:>10}\n", step, what, human_duration(seconds));
}

// --- the source

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  if (!in || !(content << in.rdbuf())) {
    throw std::runtime_error(path.string() + ": cannot be read; the package iso-codes has it");
  }
  return std::move(content).str();
}

void load(CodeList& list, const fs::path& directory) {
  const fs::path path = directory / list.file;
  const Atom document = Atom::parse_json(read_file(path));
  list.objects = document.at(list.standard);
  require(list.objects.is_array() && !list.objects.empty(), path.string() + ": holds no list");
}

std::vector<CodeList> load_lists(const fs::path& directory) {
  std::vector<CodeList> lists = {
      {"ISO 639-3 languages", "iso_639-3.json", "639-3", "Language", {}, {}},
      {"ISO 3166-2 subdivisions", "iso_3166-2.json", "3166-2", "Subdivision", {}, {}}};
  for (CodeList& list : lists) {
    const double seconds = seconds_of([&] { load(list, directory); });
    say("read", fmt::format("{:>6} {}", human_count(list.objects.size()), list.title), seconds);
  }
  return lists;
}

// --- a place for the space

/// A space whose root is the demo's index was made by an earlier run.
bool is_own_space(const fs::path& directory) {
  StandaloneFileStorage storage(directory.string(), {}, SpaceAccess::kReadOnly);
  const auto root = storage.read_current_root();
  if (!root) return false;
  const auto atom = storage.get_atom(*root);
  const Atom* class_name = atom->is_object() ? atom->find("className") : nullptr;
  return class_name && *class_name == Atom(kIndexClass);
}

bool is_file_of_a_space(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  return entry.symlink_status().type() == fs::file_type::regular &&
         (name.starts_with("protobase.") || name.ends_with(".wal"));
}

/// Removes what an earlier run left; throws for anything else, which is not ours to touch.
void make_room(const fs::path& directory) {
  if (!fs::exists(directory) || fs::is_empty(directory)) return;
  const fs::directory_iterator entries(directory);
  if (!std::ranges::all_of(entries, is_file_of_a_space) || !is_own_space(directory)) {
    throw std::runtime_error(directory.string() +
                             ": is not a space of this demo; name another place or remove it");
  }
  fs::remove_all(directory);
}

// --- there

AtomPointer push_list(SharedStorage& storage, CodeList& list) {
  Atom::Array members;
  for (const Atom& object : list.objects.elements()) {
    list.pointers.push_back(storage.push_atom(object));
    members.push_back(Atom::reference(std::string(list.class_name), list.pointers.back()));
  }
  return storage.push_atom(Atom::object({{"className", "CodeList"},
                                         {"title", list.title},
                                         {"standard", list.standard},
                                         {"members", Atom::array(std::move(members))}}));
}

AtomPointer push_all(SharedStorage& storage, std::vector<CodeList>& lists) {
  Atom::Array references;
  for (CodeList& list : lists) {
    references.push_back(Atom::reference("CodeList", push_list(storage, list)));
  }
  return storage.push_atom(
      Atom::object({{"className", kIndexClass}, {"lists", Atom::array(std::move(references))}}));
}

/// Returns the root.
AtomPointer fill(const fs::path& space, std::vector<CodeList>& lists) {
  StandaloneFileStorage storage(space.string());
  AtomPointer root;
  const double push_seconds = seconds_of([&] { root = push_all(storage, lists); });
  const StorageStats pushed = storage.stats();
  say("push",
      fmt::format("{:>6} atoms, {} of JSON", human_count(pushed.pushed_records),
                  human_bytes(pushed.pushed_bytes)),
      push_seconds);
  const double commit_seconds = seconds_of([&] { storage.set_current_root(root); });
  say("commit", "       everything durable, the index is the root", commit_seconds);
  storage.close();
  return root;
}

// --- and back again

AtomPointer reference_in(const Atom& atom, const std::string& what) {
  const auto pointer = atom.as_reference();
  require(pointer.has_value(), what + " is no reference");
  return *pointer;
}

void compare(const Atom& found, const Atom& source, const AtomPointer& pointer) {
  require(found == source, fmt::format("{}: found {}, the source has {}", pointer.to_string(),
                                       found.to_json(), source.to_json()));
}

/// Follows the list's references, a batch at a time; returns how many objects were found equal.
std::size_t walk_list(SharedStorage& storage, const Atom& list_atom, const CodeList& source) {
  const auto members = list_atom.at("members").elements();
  const auto objects = source.objects.elements();
  require(members.size() == objects.size(), fmt::format("{}: another length", source.title));
  for (std::size_t start = 0; start < members.size(); start += kWalkBatch) {
    const std::size_t count = std::min(kWalkBatch, members.size() - start);
    std::vector<AtomPointer> pointers;
    for (const Atom& member : members.subspan(start, count)) {
      pointers.push_back(reference_in(member, "a member"));
    }
    const auto atoms = storage.get_atoms(pointers);
    for (std::size_t i = 0; i < count; ++i) compare(*atoms[i], objects[start + i], pointers[i]);
  }
  return members.size();
}

std::size_t walk(SharedStorage& storage, const std::vector<CodeList>& lists) {
  const auto root = storage.read_current_root();
  require(root.has_value(), "the reopened space has no root");
  const auto index = storage.get_atom(*root);
  const auto references = index->at("lists").elements();
  require(references.size() == lists.size(), "the index has another length");
  std::size_t objects = 0;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const auto list_atom = storage.get_atom(reference_in(references[i], "an entry of the index"));
    objects += walk_list(storage, *list_atom, lists[i]);
  }
  return objects;
}

void verify(SharedStorage& storage, std::size_t expected_records) {
  VerifyReport report;
  const double seconds = seconds_of([&] { report = storage.verify({}); });
  say("verify",
      fmt::format("{:>6} records checked, {} bad", human_count(report.records), report.bad_places),
      seconds);
  require(report.bad_places == 0, "verify found bad places");
  require(
      report.records == expected_records,
      fmt::format("verify counted {} records, {} were pushed", report.records, expected_records));
}

void read_back(const fs::path& space, const std::vector<CodeList>& lists) {
  std::optional<StandaloneFileStorage> storage;
  const double open_seconds = seconds_of([&] { storage.emplace(space.string()); });
  say("reopen", "       with empty caches", open_seconds);
  std::size_t objects = 0;
  const double walk_seconds = seconds_of([&] { objects = walk(*storage, lists); });
  say("walk",
      fmt::format("{:>6} objects from the root, each equal to its source", human_count(objects)),
      walk_seconds);
  verify(*storage, objects + lists.size() + 1);
  storage->close();
}

// --- for the reader

std::string shell_quoted(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:-";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::uintmax_t bytes_on_disk(const fs::path& directory) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(directory)) bytes += entry.file_size();
  return bytes;
}

/// The path from here, when that is shorter than the whole one.
fs::path as_typed(const fs::path& path) {
  const fs::path relative = path.lexically_proximate(fs::current_path());
  return relative.string().size() < path.string().size() ? relative : path;
}

void print_next_steps(const Arguments& arguments, const AtomPointer& root,
                      const AtomPointer& sample) {
  const std::string program = shell_quoted(as_typed(arguments.program).string());
  const std::string space = shell_quoted(as_typed(arguments.space).string());
  fmt::print("\n  {:<9} {}\n", "root", root.to_string());
  fmt::print("  {:<9} {} ({} on disk)\n", "space", arguments.space.string(),
             human_bytes(bytes_on_disk(arguments.space)));
  fmt::print("\nTry next:\n");
  fmt::print("  {} stat {}\n", program, space);
  fmt::print("  {} get {} {}\n", program, space, sample.to_string());
  fmt::print("  {} log {}\n", program, space);
}

void run(const Arguments& arguments) {
  fmt::print("ProtoBase {}: real data into a durable store and back\n\n", PROTOBASE_VERSION);
  std::vector<CodeList> lists = load_lists(arguments.iso_codes);
  make_room(arguments.space);
  const AtomPointer root = fill(arguments.space, lists);
  read_back(arguments.space, lists);
  print_next_steps(arguments, root, lists.front().pointers.front());
  if (std::fflush(stdout) != 0) throw std::runtime_error("standard output cannot be written");
}

constexpr auto kUsage = "usage: protobase-demo --iso-codes DIR --space DIR\n";

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--iso-codes") arguments.iso_codes = argv[i + 1];
    if (name == "--space") arguments.space = fs::absolute(argv[i + 1]).lexically_normal();
  }
  if (argc % 2 == 0 || arguments.iso_codes.empty() || arguments.space.empty()) return std::nullopt;
  arguments.program = fs::absolute(argv[0]).lexically_normal().replace_filename("protobase");
  return arguments;
}

}  // namespace
}  // namespace protobase::demo

int main(int argc, char** argv) {
  try {
    const auto arguments = protobase::demo::parse(argc, argv);
    if (!arguments) {
      std::fputs(protobase::demo::kUsage, stderr);
      return 2;
    }
    protobase::demo::run(*arguments);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "protobase-demo: {}\n", error.what());
    return 1;
  }
}
