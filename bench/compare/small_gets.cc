// Gets out of 10,000 hot records: bytes cache and object cache beside an array and unordered_map,
// which gives a reference, or shares ownership as our gets do.
#include <unordered_map>

#include "protobase/protobase.h"
#include "workloads.h"

namespace protobase::compare {
namespace {

constexpr std::size_t kRecords = 10'000;

/// An atom of about 200 B whose number leads on; 7919 and kRecords have no common divisor.
Atom sample_atom(std::size_t i) {
  return Atom::object({{"number", static_cast<std::int64_t>((i + 7919) % kRecords)},
                       {"className", "Sample"},
                       {"name", "a name of some length"},
                       {"text", std::string(110, 'x')},
                       {"flag", true}});
}

/// Nanoseconds a step of `step`, which turns a place into the next one.
double walk(int gets, const std::function<std::size_t(std::size_t, int)>& steps) {
  static_cast<void>(steps(0, static_cast<int>(kRecords)));
  const Stopwatch watch;
  const std::size_t end = steps(0, gets);
  const double nanos = watch.seconds() * 1e9 / gets;
  if (end >= kRecords) throw std::runtime_error("walked off");
  return nanos;
}

std::vector<AtomPointer> fill(SharedStorage& storage) {
  std::vector<AtomPointer> pointers;
  for (std::size_t i = 0; i < kRecords; ++i) pointers.push_back(storage.push_atom(sample_atom(i)));
  storage.flush_wal();
  return pointers;
}

/// The same bytes for all; the first eight hold the next place.
std::vector<std::byte> bytes_of(std::size_t i) {
  auto record = sample_record(200);
  set_next(record, (i + 7919) % kRecords);
  return record;
}

}  // namespace

void run_small_gets(const Run& run, JSON& results) {
  const int gets = run.quick ? 200'000 : 1'000'000;
  StandaloneFileStorage storage((run.directory / "small").string());
  const auto atoms = fill(storage);
  std::vector<AtomPointer> raw;
  std::vector<std::vector<std::byte>> array;
  std::unordered_map<AtomPointer, std::vector<std::byte>> map;
  std::unordered_map<AtomPointer, SharedBytes> shared_map;
  for (std::size_t i = 0; i < kRecords; ++i) {
    array.push_back(bytes_of(i));
    raw.push_back(storage.push_bytes(array.back()));
    map.emplace(raw.back(), array.back());
    shared_map.emplace(raw.back(), SharedBytes::copy_of(array.back()));
  }
  storage.flush_wal();
  const auto along = [gets](const auto& next) {
    return [gets, next] {
      return walk(gets, [&](std::size_t at, int count) {
        for (int i = 0; i < count; ++i) at = next(at);
        return at;
      });
    };
  };
  const std::vector<Entry> entries = {
      {"array", along([&](std::size_t at) { return touch(array[at]); })},
      {"unordered_map", along([&](std::size_t at) { return touch(map.at(raw[at])); })},
      {"unordered_map_shared", along([&](std::size_t at) {
         const SharedBytes bytes = shared_map.at(raw[at]);
         return touch(bytes.span());
       })},
      {"protobase_bytes_cache",
       along([&](std::size_t at) { return touch(storage.get_bytes(raw[at]).span()); })},
      {"protobase_object_cache", along([&](std::size_t at) {
         return static_cast<std::size_t>(storage.get_atom(atoms[at])->at("number").as_int64());
       })}};
  results.push_back(result("get_small", "ns", take_turns(entries, run.rounds(10))));
}

}  // namespace protobase::compare
