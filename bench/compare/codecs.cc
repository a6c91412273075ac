// The objects of Debian's iso-codes into and from Atom, beside the libraries in question.
#include <simdjson.h>

#include <fstream>
#include <msgpack.hpp>

#include "format/json_decoder.h"
#include "format/json_encoder.h"
#include "format/msgpack_codec.h"
#include "protobase/atom.h"
#include "workloads.h"

namespace protobase::compare {
namespace {

const std::filesystem::path kLists = "/usr/share/iso-codes/json";

/// ISO 639-3 languages and ISO 3166-2 subdivisions, one text each.
std::vector<std::string> load_objects() {
  std::vector<std::string> texts;
  for (const std::string list : {"639-3", "3166-2"}) {
    std::ifstream in(kLists / ("iso_" + list + ".json"));
    if (!in) throw std::runtime_error("the package iso-codes is missing");
    const JSON document = JSON::parse(in);
    for (const JSON& object : document.at(list)) texts.push_back(object.dump());
  }
  return texts;
}

/// The forms of every object, made before anything is measured.
struct Data {
  std::vector<std::string> texts, packed;
  std::vector<simdjson::padded_string> padded;
  std::vector<Atom> atoms;
  std::vector<JSON> trees;
  std::vector<msgpack::object_handle> unpacked;
};

Data load() {
  Data data;
  data.texts = load_objects();
  for (const std::string& text : data.texts) {
    data.padded.emplace_back(text);
    data.atoms.push_back(format::decode_json(text, format::JSONDialect::kVersion1));
    data.trees.push_back(JSON::parse(text));
    format::encode_msgpack(data.atoms.back(), data.packed.emplace_back());
    data.unpacked.push_back(msgpack::unpack(data.packed.back().data(), data.packed.back().size()));
  }
  return data;
}

/// Nanoseconds an object; `one` returns something that depends on its work.
Entry each(const std::string& name, std::size_t count,
           const std::function<std::size_t(std::size_t)>& one) {
  return {name, [count, one] {
            std::size_t sum = 0;
            const Stopwatch watch;
            for (std::size_t i = 0; i < count; ++i) sum += one(i);
            const double nanos = watch.seconds() * 1e9 / static_cast<double>(count);
            if (sum == 0) throw std::runtime_error("nothing was done");
            return nanos;
          }};
}

void run_json(const Data& data, int rounds, JSON& results) {
  const std::size_t count = data.texts.size();
  simdjson::dom::parser parser;
  std::string out;
  const std::vector<Entry> decode = {
      each("simdjson_dom", count,
           [&](std::size_t i) {
             return simdjson::dom::object(parser.parse(data.padded[i])).size();
           }),
      each("nlohmann_parse", count,
           [&](std::size_t i) { return JSON::parse(data.texts[i]).size(); }),
      each("protobase", count, [&](std::size_t i) {
        return format::decode_json(data.texts[i], format::JSONDialect::kVersion1)
            .as_object()
            .size();
      })};
  results.push_back(result("json_decode", "ns", take_turns(decode, rounds)));
  const std::vector<Entry> encode = {
      each("nlohmann_dump", count, [&](std::size_t i) { return data.trees[i].dump().size(); }),
      each("protobase", count, [&](std::size_t i) {
        out.clear();
        format::encode_json(data.atoms[i], format::NonFinite::kRefuse, out);
        return out.size();
      })};
  results.push_back(result("json_encode", "ns", take_turns(encode, rounds)));
}

void run_msgpack(const Data& data, int rounds, JSON& results) {
  const std::size_t count = data.texts.size();
  std::string out;
  msgpack::sbuffer buffer;
  const std::vector<Entry> decode = {
      each("msgpack_unpack", count,
           [&](std::size_t i) {
             return std::size_t{
                 msgpack::unpack(data.packed[i].data(), data.packed[i].size())->via.map.size};
           }),
      each("protobase", count, [&](std::size_t i) {
        return format::decode_msgpack(as_bytes(data.packed[i])).as_object().size();
      })};
  results.push_back(result("msgpack_decode", "ns", take_turns(decode, rounds)));
  const std::vector<Entry> encode = {each("msgpack_pack", count,
                                          [&](std::size_t i) {
                                            buffer.clear();
                                            msgpack::pack(buffer, data.unpacked[i].get());
                                            return buffer.size();
                                          }),
                                     each("protobase", count, [&](std::size_t i) {
                                       out.clear();
                                       format::encode_msgpack(data.atoms[i], out);
                                       return out.size();
                                     })};
  results.push_back(result("msgpack_encode", "ns", take_turns(encode, rounds)));
}

}  // namespace

void run_codecs(const Run& run, JSON& results) {
  const Data data = load();
  run_json(data, run.rounds(30), results);
  run_msgpack(data, run.rounds(30), results);
}

}  // namespace protobase::compare
