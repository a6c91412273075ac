// XXH3-64, the checksum of everything we store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace protobase::base {

/// XXH3_64bits with the default secret and seed 0.
std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept;

/// The same over bytes that come in parts.
class HashStream final {
 public:
  HashStream();
  ~HashStream();
  HashStream(const HashStream&) = delete;
  HashStream& operator=(const HashStream&) = delete;

  void add(std::span<const std::byte> bytes) noexcept;
  std::uint64_t value() const noexcept;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace protobase::base
