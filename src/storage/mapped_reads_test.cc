// Reading through maps of the WAL files: the same answers, without the calls.
#include <gtest/gtest.h>

#include <filesystem>

#include "protobase/errors.h"
#include "protobase/file_block_provider.h"
#include "protobase/standalone_file_storage.h"
#include "testing/expect_error.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

class MappedReadsTest : public ::testing::Test {
 protected:
  std::unique_ptr<StandaloneFileStorage> open(bool verify_once = false) const {
    FileBlockProviderOptions files;
    files.map_wals = true;
    StorageOptions options;
    options.enable_atom_object_cache = false;
    options.enable_atom_bytes_cache = false;
    options.verify_mapped_once = verify_once;
    return std::make_unique<StandaloneFileStorage>(
        std::make_shared<FileBlockProvider>(path_, files), options);
  }
  std::string wal_path(const AtomPointer& pointer) const {
    return path_ + "/" + pointer.transaction_id.to_string() + ".wal";
  }

  testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.at("space");
};

TEST_F(MappedReadsTest, WhatIsDurableIsReadWithoutACall) {
  const auto storage = open();
  const auto first = storage->push_bytes(as_bytes("first"));
  const auto second = storage->push_atom(Atom::object({{"n", 2}}));
  storage->set_current_root(second);
  EXPECT_EQ(storage->get_bytes(first).as_text(), "first");
  const auto reads = storage->stats().record_reads;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(storage->get_bytes(first).as_text(), "first");
    EXPECT_EQ(storage->get_atom(second)->at("n").as_int64(), 2);
  }
  EXPECT_EQ(storage->stats().record_reads, reads);
}

TEST_F(MappedReadsTest, WhatGrowsLaterIsFoundAsWell) {
  const auto storage = open();
  std::vector<AtomPointer> pointers;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) {
      const std::string text = std::to_string(round) + " " + std::to_string(i);
      pointers.push_back(storage->push_bytes(as_bytes(text)));
      EXPECT_EQ(storage->get_bytes(pointers.back()).as_text(), text) << "not written yet";
    }
    storage->set_current_root(pointers.back());
    for (std::size_t i = 0; i < pointers.size(); ++i) {
      EXPECT_EQ(storage->get_bytes(pointers[i]).as_text(),
                std::to_string(i / 50) + " " + std::to_string(i % 50));
    }
  }
  const auto reads = storage->stats().record_reads;
  for (int again = 0; again < 2; ++again) {
    for (const auto& pointer : pointers) storage->get_bytes(pointer);
  }
  EXPECT_LE(storage->stats().record_reads - reads, 64u) << "once looked, all of it is known";
}

TEST_F(MappedReadsTest, BytesOutliveTheStorage) {
  auto storage = open();
  const auto pointer = storage->push_bytes(as_bytes("kept"));
  storage->set_current_root(pointer);
  const SharedBytes bytes = storage->get_bytes(pointer);
  storage.reset();
  std::filesystem::remove_all(path_);
  EXPECT_EQ(bytes.as_text(), "kept");
}

TEST_F(MappedReadsTest, DamageIsFoundAtEveryGet) {
  auto storage = open();
  const auto pointer = storage->push_bytes(as_bytes("a record that is damaged under the map"));
  storage->set_current_root(pointer);
  storage.reset();  // the log's buffer holds it too
  storage = open();
  EXPECT_NO_THROW(storage->get_bytes(pointer));
  testing::flip_bit(wal_path(pointer), pointer.offset + 20);
  testing::expect_error<CorruptionError>([&] { storage->get_bytes(pointer); },
                                         {"offset 4096", "checksum"});
}

TEST_F(MappedReadsTest, VerifiedOnceIsVerifiedAtTheFirstGet) {
  auto storage = open();
  const auto damaged = storage->push_bytes(as_bytes("a record that is damaged before any get"));
  const auto trusted = storage->push_bytes(as_bytes("a record that is damaged behind a get"));
  storage->set_current_root(trusted);
  storage.reset();
  storage = open(/*verify_once=*/true);
  EXPECT_NO_THROW(storage->get_bytes(trusted));
  testing::flip_bit(wal_path(damaged), damaged.offset + 20);
  testing::flip_bit(wal_path(trusted), trusted.offset + 16);
  for (int again = 0; again < 2; ++again) {
    testing::expect_error<CorruptionError>([&] { storage->get_bytes(damaged); },
                                           {"offset 4096", "checksum"});
    EXPECT_EQ(storage->get_bytes(trusted).as_text().substr(1),
              " record that is damaged behind a get");
  }
  EXPECT_NE(storage->get_bytes(trusted).as_text()[0], 'a') << "nothing was damaged";
  testing::flip_bit(wal_path(damaged), damaged.offset + 20);  // as it was
  EXPECT_EQ(storage->verify({}).bad_places, 1u) << "verify trusts nothing";
  storage = open(/*verify_once=*/true);
  EXPECT_THROW(storage->get_bytes(trusted), CorruptionError);
}

TEST_F(MappedReadsTest, PointersToNowhereAreNotFoundAsEver) {
  auto storage = open();
  const auto pointer = storage->push_bytes(as_bytes("0123456789abcdef"));
  storage->set_current_root(pointer);
  storage = open(/*verify_once=*/true);
  storage->get_bytes(pointer);
  for (const std::uint64_t offset :
       {std::uint64_t{0}, pointer.offset + 1, pointer.offset + 8, pointer.offset + 32,
        std::uint64_t{1} << 20, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    SCOPED_TRACE(offset);
    EXPECT_THROW(storage->get_bytes({pointer.transaction_id, offset}), NotFoundError);
  }
  UUID other = pointer.transaction_id;
  other.bytes[0] ^= 1;
  EXPECT_THROW(storage->get_bytes({other, pointer.offset}), NotFoundError);
}

TEST_F(MappedReadsTest, AnotherWritersRecordsAreReadWhileItGoesOn) {
  const auto writer = open();
  const auto reader = open();
  std::vector<AtomPointer> pointers;
  for (int i = 0; i < 300; ++i) {
    pointers.push_back(writer->push_bytes(as_bytes(std::to_string(i))));
    if (i % 10 == 9) writer->set_current_root(pointers.back());
    if (i % 10 == 9) {
      for (int k = 0; k <= i; ++k) {
        EXPECT_EQ(reader->get_bytes(pointers[static_cast<std::size_t>(k)]).as_text(),
                  std::to_string(k));
      }
    }
  }
  writer->close();  // cuts off the room behind the log
  EXPECT_EQ(reader->get_bytes(pointers.back()).as_text(), "299");
}

TEST_F(MappedReadsTest, LargePayloadsComeWhole) {
  const auto storage = open();
  const std::string large(3 << 20, 'L');
  const auto pointer = storage->push_bytes(as_bytes(large));
  storage->set_current_root(pointer);
  EXPECT_TRUE(storage->get_bytes(pointer).as_text() == large);
}

}  // namespace
}  // namespace protobase
