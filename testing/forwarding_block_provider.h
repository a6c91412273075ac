// A BlockProvider that hands every call on: decorators of tests override the one they are about.
// Only read_many() is not: what a decorator does to reads shall befall each of them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protobase/block_provider.h"

namespace protobase::testing {

class ForwardingBlockProvider : public BlockProvider {
 public:
  explicit ForwardingBlockProvider(std::shared_ptr<BlockProvider> inner)
      : inner_(std::move(inner)) {}

  AtomPointer claim_wal() override { return inner_->claim_wal(); }
  void write(const WALWriteOperation& operation) override { inner_->write(operation); }
  bool can_place() const noexcept override { return inner_->can_place(); }
  void place(const UUID& wal, std::uint64_t offset, std::span<const std::byte> bytes,
             const std::function<void(std::span<const std::byte>)>& passes) override {
    inner_->place(wal, offset, bytes, passes);
  }
  std::uint64_t sync(const UUID& wal) override { return inner_->sync(wal); }
  void reserve(const UUID& wal, std::uint64_t bytes) override { inner_->reserve(wal, bytes); }
  void release_wal(const UUID& wal, bool resumable) override {
    inner_->release_wal(wal, resumable);
  }
  std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                   std::size_t at_least) override {
    return inner_->read(wal, offset, out, at_least);
  }
  bool can_map() const noexcept override { return inner_->can_map(); }
  SharedBytes map(const UUID& wal) override { return inner_->map(wal); }
  WALDescription describe(const UUID& wal) override { return inner_->describe(wal); }
  std::vector<BadPlace> find_damage() override { return inner_->find_damage(); }
  std::vector<UUID> list_wals() override { return inner_->list_wals(); }
  RootRegister& root_register() override { return inner_->root_register(); }
  void close() override { inner_->close(); }

 private:
  const std::shared_ptr<BlockProvider> inner_;
};

}  // namespace protobase::testing
