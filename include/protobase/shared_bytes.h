// Immutable bytes with shared ownership: what get_bytes returns and the bytes cache holds.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace protobase {

/// Owned, mutable bytes: what an Atom of kind bytes holds.
using Bytes = std::vector<std::byte>;

/// A view of immutable bytes that keeps them alive. Copying copies the reference, not the bytes.
/// Safe to share between threads.
class SharedBytes {
 public:
  SharedBytes() = default;
  /// `view` must stay valid and unchanged for as long as `owner` lives.
  SharedBytes(std::shared_ptr<const void> owner, std::span<const std::byte> view) noexcept
      : owner_(std::move(owner)), view_(view) {}
  /// Takes the bytes over.
  explicit SharedBytes(Bytes bytes) {
    auto owned = std::make_shared<const Bytes>(std::move(bytes));
    view_ = *owned;
    owner_ = std::move(owned);
  }
  /// Copies the bytes: one allocation for bytes and count.
  static SharedBytes copy_of(std::span<const std::byte> source) {
    auto block = std::make_shared_for_overwrite<std::byte[]>(source.size());
    if (!source.empty()) std::memcpy(block.get(), source.data(), source.size());
    std::span<const std::byte> view(block.get(), source.size());
    return {std::move(block), view};
  }

  const std::byte* data() const noexcept { return view_.data(); }
  std::size_t size() const noexcept { return view_.size(); }
  bool empty() const noexcept { return view_.empty(); }
  std::span<const std::byte> span() const noexcept { return view_; }
  std::string_view as_text() const noexcept {
    return {reinterpret_cast<const char*>(view_.data()), view_.size()};
  }
  friend bool operator==(const SharedBytes& a, const SharedBytes& b) noexcept {
    return a.as_text() == b.as_text();
  }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> view_;
};

/// The bytes of a text, for push_bytes and comparisons. The view lives as long as the text.
inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

}  // namespace protobase
