// Nodes of a stripe in chunks, named by index: grows with use, reuses what was released, so that a
// put allocates once in many. What a hit reads (key, value) fills one cache line; links lie apart
// from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace protobase::cache {

inline constexpr std::uint32_t kNoNode = 0xFFFF'FFFF;

/// Not thread-safe. References stay valid until the slab is destroyed.
template <typename Key, typename Value>
class NodeSlab final {
 public:
  struct alignas(64) Node {
    Key key;
    Value value;
  };
  struct Links {
    std::size_t charge = 0;        ///< bytes of heap the value holds
    std::uint32_t next = kNoNode;  ///< the next newer of its segment; the next free one when free
  };

  Node& node(std::uint32_t index) noexcept {
    return chunks_[index / kChunkNodes]->nodes[index % kChunkNodes];
  }
  Links& links(std::uint32_t index) noexcept {
    return chunks_[index / kChunkNodes]->links[index % kChunkNodes];
  }

  bool must_grow() const noexcept { return free_ == kNoNode; }
  /// What one more chunk costs: itself, its place in the list of chunks, and the allocator's part.
  static constexpr std::size_t chunk_bytes() noexcept {
    return sizeof(Chunk) + 2 * sizeof(void*) + kAllocatorBytes;
  }
  std::size_t bytes() const noexcept { return chunks_.size() * chunk_bytes(); }

  /// An unused node. Throws std::bad_alloc, changing nothing.
  std::uint32_t take() {
    if (must_grow()) grow();
    const std::uint32_t index = free_;
    free_ = links(index).next;
    return index;
  }

  /// Precondition: the node's value was moved away.
  void release(std::uint32_t index) noexcept {
    links(index).next = free_;
    free_ = index;
  }

 private:
  static constexpr std::uint32_t kChunkNodes = 32;
  static constexpr std::size_t kAllocatorBytes =
      64;  // aligned blocks cost up to one alignment more

  struct Chunk {
    Node nodes[kChunkNodes];
    Links links[kChunkNodes];
  };

  void grow() {
    const auto first = static_cast<std::uint32_t>(chunks_.size() * kChunkNodes);
    chunks_.push_back(std::make_unique<Chunk>());
    for (std::uint32_t i = kChunkNodes; i-- > 0;) release(first + i);
  }

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::uint32_t free_ = kNoNode;
};

}  // namespace protobase::cache
