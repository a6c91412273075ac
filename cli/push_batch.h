// Payloads on their way into a space: collected and checked first, then pushed and made durable
// together. A batch goes in whole or, when an input turns out to be bad before it is full, not at
// all; a pointer is printed only when what it points at is durable.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/output.h"
#include "protobase/record_format.h"
#include "protobase/storage.h"

namespace protobase::cli {

class PushBatch final {
 public:
  /// Both must outlive the batch.
  PushBatch(SharedStorage& storage, Output& out) : storage_(storage), out_(out) {}

  /// Takes one payload; pushes what was collected once that is more than kMaxBatchBytes.
  void add(std::string payload, RecordFormat format);

  /// Pushes the rest. `as_root`: the last one pushed becomes the root. Throws ValidationError when
  /// nothing was ever added.
  void finish(bool as_root);

 private:
  struct Entry {
    std::string payload;
    RecordFormat format;
  };

  std::vector<AtomPointer> push_collected();
  void print(const std::vector<AtomPointer>& pointers);

  SharedStorage& storage_;
  Output& out_;
  std::vector<Entry> collected_;
  std::size_t collected_bytes_ = 0;
  std::optional<AtomPointer> last_;
};

}  // namespace protobase::cli
