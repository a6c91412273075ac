// Atom to JSON text, the payload of records of format 0x01.
//
// UTF-8, no spaces, only what must be escaped is escaped. A double always shows that it is one
// (1.0, -0.0, 1e+300) and is the shortest text that reads back to the same bits. Bytes become
// {"$bytes":"<canonical base64>"}. So that every atom survives, an object of exactly one member
// whose key is one or more '$' followed by "bytes" gets one more '$' in front; the decoder takes it
// off again.
#pragma once

#include <string>

#include "protobase/atom.h"

namespace protobase::format {

/// What happens to NaN and the infinities, which JSON does not have.
enum class NonFinite {
  kRefuse,  ///< ValidationError: for storage
  kPrint,   ///< NaN, Infinity, -Infinity: for people
};

/// Appends to `out`. Throws ValidationError for invalid UTF-8, more than kMaxAtomDepth levels, and
/// non-finite doubles when refused.
void encode_json(const Atom& atom, NonFinite non_finite, std::string& out);

}  // namespace protobase::format
