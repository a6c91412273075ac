// Puts one slot of the commit log, once, whatever becomes of the requests.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cloud/bucket.h"
#include "cloud/slot.h"
#include "cloud/slot_reader.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// Thread-safe.
class SlotWriter final {
 public:
  using Parts = std::vector<std::span<const std::byte>>;

  SlotWriter(Bucket bucket, const SlotReader& reader)
      : bucket_(std::move(bucket)), reader_(reader) {}

  struct Result {
    /// Who stands there instead; nullopt: ours is stored, now or by an earlier try.
    std::optional<SlotHeader> other;
    /// Nothing stands there, and this is why no further try is made.
    std::exception_ptr refusal;
    /// Some try may have been stored all the same, and merged away since.
    bool is_in_doubt = false;

    bool is_stored() const noexcept { return !other && !refusal; }
  };

  /// Puts header and body, if nobody put this slot before, until it is known what became of it.
  /// Throws when it may be stored, now or later.
  Result put(const SlotHeader& header, const Parts& parts) const;

 private:
  enum class Doubt {
    kNone,        ///< no try was sent
    kWasRefused,  ///< in words: what stands there will tell, but who may not look believes them
    kMayBeThere,  ///< "not now" or "exists", which may have been said of a try that took effect
    kMayArrive,   ///< no usable answer: it may be there, or come later
  };

  Result give_up(const SlotHeader& header, Doubt doubt, const std::exception_ptr& why) const;
  /// Whether a try may have been stored though a refusal in words was the last that was heard.
  static bool is_open(Doubt doubt) noexcept;
  static Result other_than(const SlotHeader& header, const SlotHeader& found, Doubt doubt);

  const Bucket bucket_;
  const SlotReader& reader_;
};

}  // namespace protobase::cloud
