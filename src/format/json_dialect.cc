// What the members of a JSON object mean in each dialect.
#include "format/json_dialect.h"

#include <optional>
#include <utility>

#include "base/base64.h"

namespace protobase::format {
namespace {

constexpr std::string_view kBytesKey = "$bytes";

}  // namespace

bool is_bytes_key(std::string_view key) noexcept {
  return key.ends_with(kBytesKey) &&
         key.find_first_not_of('$') == key.size() - kBytesKey.size() + 1;
}

Atom make_json_object(Atom::Object members, JSONDialect dialect) {
  const bool may_be_escaped = dialect == JSONDialect::kVersion1 && members.size() == 1;
  if (!may_be_escaped || !is_bytes_key(members[0].key)) return Atom::object(std::move(members));
  if (members[0].key != kBytesKey) {
    members[0].key.erase(0, 1);
  } else if (members[0].value.is_string()) {
    std::optional<Bytes> bytes = base::decode_canonical_base64(members[0].value.as_string());
    if (bytes) return *std::move(bytes);
  }
  return Atom::object(std::move(members));
}

}  // namespace protobase::format
