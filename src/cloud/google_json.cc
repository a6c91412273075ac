#include "cloud/google_json.h"

#include <cstdint>
#include <optional>

#include "base/utf8.h"
#include "cloud/client_arguments.h"
#include "cloud/content_range.h"
#include "cloud/http_date.h"
#include "format/json_decoder.h"
#include "protobase/errors.h"

namespace protobase::cloud {

namespace {

std::string needed_text(const Atom& object, std::string_view name) {
  std::string text = text_member(object, name);
  if (text.empty()) throw ValidationError("an object without \"" + std::string(name) + "\"");
  return text;
}

/// `error` is an object (JSON API) or a text (token servers).
GoogleErrorAnswer error_of(const Atom& answer) {
  const Atom* const error = answer.find("error");
  if (error == nullptr) return {};
  if (error->is_string()) return {error->as_string(), text_member(answer, "error_description")};
  if (!error->is_object()) return {};
  GoogleErrorAnswer result{"", text_member(*error, "message")};
  const Atom* const errors = error->find("errors");
  if (errors != nullptr && errors->is_array() && !errors->empty() && errors->at(0).is_object()) {
    result.reason = text_member(errors->at(0), "reason");
  }
  return result;
}

}  // namespace

Atom parse_google_json(std::string_view text) {
  Atom atom = format::decode_json(text, format::JSONDialect::kLegacy);
  if (!atom.is_object()) throw ValidationError("a JSON object is expected");
  return atom;
}

std::string text_member(const Atom& object, std::string_view name) {
  const Atom* const member = object.find(name);
  return member != nullptr && member->is_string() ? member->as_string() : std::string();
}

CloudObjectMetadata parse_google_object(const Atom& resource, std::string_view prefix) {
  if (!resource.is_object()) throw ValidationError("an object that is no JSON object");
  const std::string name = needed_text(resource, "name");
  if (!name.starts_with(prefix)) throw ValidationError("an object that was not asked for");
  CloudObjectMetadata metadata;
  metadata.key = name.substr(prefix.size());
  const auto size = parse_size(needed_text(resource, "size"));
  if (!size) throw ValidationError("an object whose size is no number");
  metadata.size = *size;
  metadata.version = needed_text(resource, "generation");
  check_generation(metadata.version);
  metadata.last_modified_us = parse_iso_time_us(text_member(resource, "updated")).value_or(0);
  return metadata;
}

GoogleListPage parse_google_list(std::string_view text, std::string_view prefix) {
  const Atom answer = parse_google_json(text);
  GoogleListPage page;
  page.next_page_token = text_member(answer, "nextPageToken");
  const Atom* const items = answer.find("items");
  if (items == nullptr || items->is_null()) return page;
  for (const Atom& item : items->elements()) {
    page.objects.push_back(parse_google_object(item, prefix));
  }
  return page;
}

bool is_page(std::string_view body) {
  const auto begin = body.find_first_not_of(" \t\r\n");
  return begin != std::string_view::npos && body[begin] == '<';
}

GoogleErrorAnswer parse_google_error(std::string_view body) {
  GoogleErrorAnswer result;
  try {
    result = error_of(parse_google_json(body));
  } catch (const ValidationError&) {
    // Downloads answer in plain text: then these are the words. A page is made to be looked at.
  }
  if (result.message.empty() && !is_page(body)) result.message = body.substr(0, 4 * kMaxStoreWords);
  result.message = store_words(result.message);
  result.reason = store_words(result.reason);
  return result;
}

}  // namespace protobase::cloud
