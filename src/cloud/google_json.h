// What Google's JSON API answers, as far as we ask for it. Nothing here is trusted: members of the
// wrong kind, numbers that are none, names outside the prefix are errors (ValidationError).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/store_words.h"
#include "protobase/atom.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// The JSON object that `text` is.
Atom parse_google_json(std::string_view text);

/// The text member `name` of a JSON object; "" when there is none or it is no text.
std::string text_member(const Atom& object, std::string_view name);

/// An object's resource: name, size, generation, updated. The key is what stands behind `prefix`.
CloudObjectMetadata parse_google_object(const Atom& resource, std::string_view prefix);

struct GoogleListPage {
  std::vector<CloudObjectMetadata> objects;
  std::string next_page_token;  ///< empty: this was the last page
};
GoogleListPage parse_google_list(std::string_view text, std::string_view prefix);

struct GoogleErrorAnswer {
  std::string reason;   ///< "rateLimitExceeded" ...; "" when not told
  std::string message;  ///< at most kMaxStoreWords, printable
};
/// Of any body, JSON or not; also of what a token server answers. Never throws for its content.
/// HTML or XML: of whatever answers there, it is not the JSON API.
bool is_page(std::string_view body);

GoogleErrorAnswer parse_google_error(std::string_view body);

}  // namespace protobase::cloud
