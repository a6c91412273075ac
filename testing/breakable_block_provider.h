// A medium in memory that is full, or breaks, when told to, and remembers the order of what was
// done.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "memory/memory_block_provider.h"
#include "protobase/errors.h"
#include "testing/forwarding_block_provider.h"

namespace protobase::testing {

/// `steps`: w written, s synced, r released to be taken up again, f finished for good. Read it only
/// while nothing is under way.
class BreakableBlockProvider : public ForwardingBlockProvider {
 public:
  BreakableBlockProvider()
      : ForwardingBlockProvider(std::make_shared<memory::MemoryBlockProvider>()) {}

  void write(const WALWriteOperation& operation) override {
    if (full) throw NoSpaceError("the medium is full");
    ++writes;
    ForwardingBlockProvider::write(operation);
    steps += 'w';
  }
  std::uint64_t sync(const UUID& wal) override {
    if (broken) throw UnexpectedError("the sync failed");
    const std::uint64_t end = ForwardingBlockProvider::sync(wal);
    steps += 's';
    return end;
  }
  void release_wal(const UUID& wal, bool resumable) override {
    ForwardingBlockProvider::release_wal(wal, resumable);
    steps += resumable ? 'r' : 'f';
  }

  std::atomic<bool> full{false};
  std::atomic<bool> broken{false};
  std::atomic<int> writes{0};
  std::string steps;
};

}  // namespace protobase::testing
