// The contract of SharedStorage (include/protobase/storage.h) as tests, run by every storage: give
// INSTANTIATE_TEST_SUITE_P a SharedStorageCase. This part: pushing, getting, closing; many at a
// time are in shared_storage_batches_conformance.h, the roots and the log in
// shared_storage_root_conformance.h, threads in shared_storage_threads_conformance.h, close()
// beside other calls in shared_storage_closing_conformance.h.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "protobase/errors.h"
#include "protobase/options.h"
#include "protobase/storage.h"
#include "testing/expect_error.h"

namespace protobase::conformance {

struct SharedStorageCase {
  using Open = std::function<std::unique_ptr<SharedStorage>(const StorageOptions&)>;
  std::string name;
  /// Makes a new, empty place and returns what opens it.
  std::function<Open()> new_place;
};

inline std::ostream& operator<<(std::ostream& out, const SharedStorageCase& value) {
  return out << value.name;
}

class SharedStorageConformance : public ::testing::TestWithParam<SharedStorageCase> {
 protected:
  void SetUp() override {
    open_ = GetParam().new_place();
    storage_ = open_({});
  }

  /// From here on the same place with other options.
  void reopen(const StorageOptions& options = {}) {
    storage_.reset();
    storage_ = open_(options);
  }

  static StorageOptions without_caches() {
    StorageOptions options;
    options.enable_atom_object_cache = false;
    options.enable_atom_bytes_cache = false;
    return options;
  }

  AtomPointer push(std::string_view text, RecordFormat format = RecordFormat::kRaw) {
    return storage_->push_bytes(as_bytes(text), format);
  }

  static Atom example() {
    return Atom::object({{"name", "Zoë \U0001F600"},
                         {"nothing", nullptr},
                         {"yes", true},
                         {"integers", Atom::array({0, -1, std::numeric_limits<std::int64_t>::min(),
                                                   std::numeric_limits<std::uint64_t>::max()})},
                         {"doubles", Atom::array({1.0, -0.0, 0.1, 5e-324})},
                         {"bytes", Bytes(3, std::byte{0xFE})},
                         {"nul", std::string("a\0b", 3)},
                         {"empty", Atom::array({Atom::object(), Atom::array(), ""})}});
  }

  SharedStorageCase::Open open_;
  std::unique_ptr<SharedStorage> storage_;
};

/// Instantiated for storages that outlive their closing.
class DurableStorageConformance : public SharedStorageConformance {};

TEST_P(SharedStorageConformance, AnAtomComesBackExactlyInBothFormats) {
  for (const bool cached : {true, false}) {
    reopen(cached ? StorageOptions{} : without_caches());
    const auto json = storage_->push_atom(example());
    const auto msgpack = storage_->push_atom_msgpack(example());
    const auto packed = storage_->push_bytes_msgpack(example());
    for (const bool flushed : {false, true}) {
      if (flushed) storage_->flush_wal();
      EXPECT_EQ(*storage_->get_atom(json), example());
      EXPECT_EQ(*storage_->get_atom(msgpack), example());
      EXPECT_EQ(*storage_->get_atom(packed), example());
      EXPECT_EQ(storage_->get_bytes(msgpack), storage_->get_bytes(packed));
      EXPECT_EQ(storage_->get_bytes(json).as_text(), example().to_json());
    }
  }
}

TEST_P(SharedStorageConformance, BytesComeBackExactly) {
  reopen(without_caches());
  std::string every;
  for (int i = 0; i < 256; ++i) every += static_cast<char>(i);
  std::vector<std::pair<AtomPointer, std::string>> pushed;
  for (const std::size_t size :
       {1, 7, 8, 9, 15, 16, 17, 495, 496, 497, 4096, 16'384, 1'048'576, 3'000'001}) {
    std::string content;
    while (content.size() < size) content += every;
    content.resize(size);
    pushed.emplace_back(push(content), content);
  }
  for (const bool flushed : {false, true}) {
    if (flushed) storage_->flush_wal();
    for (const auto& [pointer, content] : pushed) {
      EXPECT_TRUE(storage_->get_bytes(pointer).as_text() == content) << content.size() << " bytes";
    }
  }
}

TEST_P(SharedStorageConformance, BytesPushedAsJSONOrMessagePackAreAtoms) {
  EXPECT_EQ(*storage_->get_atom(push("[1, 2]", RecordFormat::kJSON)), Atom::array({1, 2}));
  EXPECT_EQ(*storage_->get_atom(push("\x92\x01\x02", RecordFormat::kMsgPack)), Atom::array({1, 2}));
}

TEST_P(SharedStorageConformance, TheFormatOfARecordIsTold) {
  const auto json = storage_->push_atom(1);
  const auto msgpack = storage_->push_atom_msgpack(1);
  const auto raw = push("1");
  EXPECT_EQ(storage_->get_format(json), RecordFormat::kJSON);
  EXPECT_EQ(storage_->get_format(msgpack), RecordFormat::kMsgPack);
  EXPECT_EQ(storage_->get_format(raw), RecordFormat::kRaw);
  EXPECT_THROW(storage_->get_format({raw.transaction_id, 8}), NotFoundError);
}

TEST_P(SharedStorageConformance, BytesThatAreNotWhatTheyWerePushedAsStayReadable) {
  const auto broken = push("{\"cut\": ", RecordFormat::kJSON);
  EXPECT_EQ(storage_->get_bytes(broken).as_text(), "{\"cut\": ");
  testing::expect_error<ValidationError>([&] { storage_->get_atom(broken); }, {broken.to_string()});
}

TEST_P(SharedStorageConformance, IntegersBeyond64BitsAreForJSONOnly) {
  const Atom big = Atom::integer("340282366920938463463374607431768211456");
  EXPECT_EQ(*storage_->get_atom(storage_->push_atom(big)), big);
  EXPECT_THROW(storage_->push_atom_msgpack(big), ValidationError);
  EXPECT_THROW(storage_->push_bytes_msgpack(big), ValidationError);
}

TEST_P(SharedStorageConformance, NonFiniteDoublesAreForMessagePackOnly) {
  for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    testing::expect_error<ValidationError>([&] { storage_->push_atom(value); }, {"MessagePack"});
    EXPECT_EQ(*storage_->get_atom(storage_->push_atom_msgpack(value)), Atom(value));
  }
}

TEST_P(SharedStorageConformance, WhatCannotBeStoredIsRefusedAndLeavesNothing) {
  const auto before = storage_->stats();
  EXPECT_THROW(storage_->push_atom("\xFF invalid UTF-8"), ValidationError);
  EXPECT_THROW(storage_->push_bytes({}), ValidationError);
  EXPECT_THROW(push("x", static_cast<RecordFormat>(3)), ValidationError);
  const auto after = storage_->stats();
  EXPECT_EQ(after.pushed_records, before.pushed_records);
  EXPECT_EQ(after.wal.buffered_bytes, before.wal.buffered_bytes);
  EXPECT_EQ(storage_->flush_wal().operations, 0u);
}

TEST_P(SharedStorageConformance, PointersGrowAndAreNeverReused) {
  std::vector<AtomPointer> pointers;
  for (int i = 0; i < 100; ++i) {
    pointers.push_back(storage_->push_atom(i));
    if (i % 10 == 0) storage_->flush_wal();
  }
  for (std::size_t i = 1; i < pointers.size(); ++i) EXPECT_LT(pointers[i - 1], pointers[i]);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(storage_->get_atom(pointers[static_cast<std::size_t>(i)])->as_int64(), i);
}

TEST_P(SharedStorageConformance, EqualAtomsAreStoredTwice) {
  EXPECT_NE(storage_->push_atom("same"), storage_->push_atom("same"));
}

TEST_P(SharedStorageConformance, AsynchronousReadsHoldResultOrError) {
  const auto pointer = storage_->push_atom("later");
  const auto raw = push("raw");
  auto atom = storage_->get_atom_async(pointer);
  auto bytes = storage_->get_bytes_async(pointer);
  auto failed = storage_->get_atom_async(raw);
  auto lost = storage_->get_bytes_async({pointer.transaction_id, 8});
  EXPECT_EQ(*atom.get(), Atom("later"));
  EXPECT_EQ(bytes.get().as_text(), "\"later\"");
  EXPECT_THROW(failed.get(), ValidationError);
  EXPECT_THROW(lost.get(), NotFoundError);
}

TEST_P(SharedStorageConformance, ManyAsynchronousReadsMayBeUnderWay) {
  reopen(without_caches());
  std::vector<AtomPointer> pointers;
  for (int i = 0; i < 1000; ++i) pointers.push_back(storage_->push_atom(i));
  std::vector<std::future<std::shared_ptr<const Atom>>> futures;
  for (const auto& pointer : pointers) futures.push_back(storage_->get_atom_async(pointer));
  for (std::size_t i = 0; i < futures.size(); ++i) {
    EXPECT_EQ(futures[i].get()->as_uint64(), i);
  }
}

TEST_P(SharedStorageConformance, AFutureThatOutlivesTheStorageHasAResultOrSaysThatItIsClosed) {
  auto future = storage_->get_atom_async(storage_->push_atom("kept"));
  storage_.reset();
  try {
    EXPECT_EQ(*future.get(), Atom("kept"));
  } catch (const ValidationError& error) {
    EXPECT_NE(std::string(error.what()).find("closed"), std::string::npos);
  }
}

TEST_P(SharedStorageConformance, WhatWasGotOutlivesTheStorage) {
  const auto pointer = push(std::string(100'000, 'k'));
  const auto bytes = storage_->get_bytes(pointer);
  const auto atom = storage_->get_atom(storage_->push_atom("kept"));
  storage_.reset();
  EXPECT_EQ(bytes.as_text(), std::string(100'000, 'k'));
  EXPECT_EQ(*atom, Atom("kept"));
}

TEST_P(SharedStorageConformance, PointersToNowhereAreNotFoundAndNamed) {
  for (const bool cached : {true, false}) {
    reopen(cached ? StorageOptions{} : without_caches());
    const auto pointer = push("12345678 and some more, so that there is a middle");
    const UUID wal = pointer.transaction_id;
    const AtomPointer commit = [&] {
      storage_->set_current_root(pointer);
      return storage_->root_history(1).at(0).commit;
    }();
    for (const AtomPointer& wrong :
         {AtomPointer{}, AtomPointer{*UUID::parse("99999999-9999-4999-8999-999999999999"), 4096},
          AtomPointer{wal, 0}, AtomPointer{wal, 32}, AtomPointer{wal, 4088},
          AtomPointer{wal, pointer.offset + 1}, AtomPointer{wal, pointer.offset + 8},
          AtomPointer{wal, pointer.offset + 16}, AtomPointer{wal, pointer.offset + 24}, commit,
          AtomPointer{wal, commit.offset + 8}, AtomPointer{wal, commit.offset + 96},
          AtomPointer{wal, std::uint64_t{1} << 30}, AtomPointer{wal, ~std::uint64_t{7}},
          AtomPointer{wal, ~std::uint64_t{0}}}) {
      for (int again = 0; again < 2; ++again) {
        testing::expect_error<NotFoundError>([&] { storage_->get_bytes(wrong); },
                                             {wrong.transaction_id.to_string()});
        EXPECT_THROW(storage_->get_atom(wrong), NotFoundError) << wrong;
      }
    }
    EXPECT_EQ(storage_->get_bytes(pointer).size(), 49u);
  }
}

TEST_P(SharedStorageConformance, NotYetPushedIsNotFoundAndThenFound) {
  const auto first = storage_->push_atom(1);
  const AtomPointer next{first.transaction_id, storage_->stats().wal.offset};
  EXPECT_THROW(storage_->get_atom(next), NotFoundError);
  ASSERT_EQ(storage_->push_atom(2), next);
  EXPECT_EQ(storage_->get_atom(next)->as_int64(), 2) << "a miss is not remembered";
}

TEST_P(SharedStorageConformance, ARawRecordIsNoAtomAndTheErrorNamesGetBytes) {
  const auto raw = push("raw");
  testing::expect_error<ValidationError>([&] { storage_->get_atom(raw); },
                                         {"get_bytes", raw.to_string()});
}

TEST_P(SharedStorageConformance, ABlobOverTheLimitIsRefusedAndOneOfExactlyTheLimitIsNot) {
  StorageOptions options;
  options.blob_max_size = 1000;
  reopen(options);
  EXPECT_EQ(storage_->get_bytes(push(std::string(1000, 'x'))).size(), 1000u);
  testing::expect_error<ValidationError>([&] { push(std::string(1001, 'x')); },
                                         {"1001", "blob_max_size", "1000"});
  storage_->push_atom(std::string(998, 'x'));  // and two quotes
  testing::expect_error<ValidationError>([&] { storage_->push_atom(std::string(999, 'x')); },
                                         {"blob_max_size"});
  testing::expect_error<ValidationError>(
      [&] { storage_->push_atom_msgpack(std::string(999, 'x')); }, {"blob_max_size"});
  EXPECT_EQ(storage_->stats().pushed_records, 2u);
}

TEST_P(SharedStorageConformance, AfterCloseEveryCallIsRefused) {
  const auto pointer = storage_->push_atom("x");
  storage_->set_current_root(pointer);
  const UUID wal = pointer.transaction_id;
  storage_->close();
  storage_->close();
  const std::vector<std::function<void()>> calls = {
      [&] { storage_->push_atom("y"); },
      [&] { storage_->push_atom_msgpack("y"); },
      [&] { push("y"); },
      [&] { storage_->push_bytes_msgpack("y"); },
      [&] { storage_->push_bytes_many({}); },
      [&] { storage_->get_atom(pointer); },
      [&] { storage_->get_bytes(pointer); },
      [&] { storage_->get_format(pointer); },
      [&] { storage_->get_atoms(std::vector{pointer}); },
      [&] { storage_->get_bytes_many(std::vector{pointer}); },
      [&] { storage_->get_atoms({}); },
      [&] { storage_->get_atom_async(pointer).get(); },
      [&] { storage_->get_bytes_async(pointer).get(); },
      [&] { storage_->read_current_root(); },
      [&] { storage_->set_current_root(pointer); },
      [&] { storage_->compare_and_set_root(pointer, pointer); },
      [&] { storage_->root_context_manager(); },
      [&] { storage_->root_history(1); },
      [&] { storage_->flush_wal(); },
      [&] { storage_->reserve(1); },
      [&] { storage_->stats(); },
      [&] { storage_->list_wals(); },
      [&] { storage_->scan_wal(wal, [](const RecordInfo&) { return true; }); },
      [&] { storage_->verify({}); },
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    SCOPED_TRACE("call " + std::to_string(i));
    testing::expect_error<ValidationError>(calls[i], {"closed"});
  }
}

TEST_P(SharedStorageConformance, AStorageNobodyUsedClosesToo) {
  storage_->close();
  reopen();
}

TEST_P(DurableStorageConformance, ReservingChangesNothingThatIsSeen) {
  const auto before = push("before");
  storage_->reserve(std::uint64_t{2} << 20);
  const auto behind = push("behind");
  EXPECT_EQ(behind.transaction_id, before.transaction_id);
  storage_->set_current_root(behind);
  reopen();
  EXPECT_EQ(storage_->get_bytes(before).as_text(), "before");
  EXPECT_EQ(storage_->get_bytes(behind).as_text(), "behind");
  EXPECT_EQ(storage_->verify({}).bad_places, 0u);
}

TEST_P(DurableStorageConformance, TheDestructorClosesAndWhatWasPushedIsThere) {
  const auto atom = storage_->push_atom(example());
  const auto bytes = push("pushed, never flushed");
  reopen();
  EXPECT_EQ(*storage_->get_atom(atom), example());
  EXPECT_EQ(storage_->get_bytes(bytes).as_text(), "pushed, never flushed");
  EXPECT_EQ(storage_->read_current_root(), std::nullopt);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SharedStorageConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DurableStorageConformance);

}  // namespace protobase::conformance
