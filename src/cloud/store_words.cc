#include "cloud/store_words.h"

#include "base/utf8.h"

namespace protobase::cloud {

std::string store_words(std::string_view text) {
  std::string words(text.substr(0, kMaxStoreWords));
  // A cut may have gone through a character; whatever is no UTF-8 is no text either.
  if (const auto invalid = base::find_invalid_utf8(words)) words.resize(*invalid);
  for (char& c : words) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  while (words.ends_with(' ')) words.pop_back();
  return words;
}

}  // namespace protobase::cloud
