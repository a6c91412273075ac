// The part of the contract of CloudStorageClient that several machines see at the same time.
#pragma once

#include <atomic>
#include <charconv>
#include <latch>

#include "test/conformance/cloud_client_conformance.h"

namespace protobase::conformance {

class CloudClientRaces : public CloudClientConformance {
 protected:
  static constexpr int kMaxTries = 1000;

  /// Tries again where the store does not say yes or no: losing against another request in flight
  /// is no answer. After an answer that says nothing (Ceph's gateway gives 500 in a race) what lies
  /// there decides: nobody else puts this text.
  static CloudPutResult put_patiently(CloudStorageClient& client, const std::string& key,
                                      std::string_view text, const CloudPutCondition& condition) {
    for (int tries = 1;; ++tries) {
      try {
        return put(client, key, text, condition);
      } catch (const CloudStorageError& error) {
        if (error.failure() == CloudFailure::kRefused || tries == kMaxTries) throw;
        if (error.failure() == CloudFailure::kUnknown && text_of(client, key) == text) {
          return {true, client.head(key)->version};
        }
      }
    }
  }
};

TEST_P(CloudClientRaces, WhatOneMachineWasAnsweredAllSee) {
  const auto other = open();
  for (int i = 0; i < 20; ++i) {
    const std::string text = std::to_string(i);
    const std::string version = put("shared", text).version;
    EXPECT_EQ(text_of(*other, "shared"), text);
    EXPECT_EQ(other->head("shared")->version, version);
    EXPECT_EQ(other->list("", "", 10).objects.at(0).version, version);
    const std::string key = "key" + text;
    put(key, "x");
    EXPECT_EQ(keys_of(other->list(key, "", 10)), std::vector<std::string>{key});
    client_->remove(std::vector<std::string>{key});
    EXPECT_TRUE(other->list(key, "", 10).objects.empty());
    EXPECT_EQ(other->head(key), std::nullopt);
  }
}

TEST_P(CloudClientRaces, OfManyCreatorsExactlyOneWins) {
  constexpr int kRounds = 20;
  std::vector<std::shared_ptr<CloudStorageClient>> machines;
  for (int i = 0; i < kThreads; ++i) machines.push_back(open());
  for (int round = 0; round < kRounds; ++round) {
    const std::string key = "slot" + std::to_string(round);
    std::latch start(kThreads);
    std::atomic<int> winners{0};
    std::atomic<int> winner{-1};
    run_in_threads([&](int i) {
      const auto machine = machines[static_cast<std::size_t>(i)];
      start.arrive_and_wait();
      if (!put_patiently(*machine, key, std::to_string(i), CloudPutCondition::if_absent()).stored) {
        return;
      }
      ++winners;
      winner = i;
    });
    ASSERT_EQ(winners, 1) << key;
    ASSERT_EQ(text_of(key), std::to_string(winner.load())) << key;
  }
}

TEST_P(CloudClientRaces, NoReplacementOfAVersionIsLost) {
  constexpr int kIncrements = 5;
  put("counter", "0");
  std::atomic<int> unknown{0};
  run_in_threads([&](int) {
    const auto machine = open();
    for (int done = 0, tries = 0; done < kIncrements; ++tries) {
      if (tries == kMaxTries) throw std::runtime_error("nobody gets on");
      const auto seen = machine->get("counter").object;
      const auto text = seen.bytes.as_text();
      int value = 0;
      std::from_chars(text.data(), text.data() + text.size(), value);
      const auto condition = CloudPutCondition::if_version(seen.metadata.version);
      try {
        if (put(*machine, "counter", std::to_string(value + 1), condition).stored) ++done;
      } catch (const CloudStorageError& error) {
        if (!error.may_retry()) throw;
        if (error.failure() == CloudFailure::kUnknown) ++unknown;
      }
    }
  });
  const int counted = std::stoi(text_of("counter"));
  EXPECT_GE(counted, kThreads * kIncrements);
  EXPECT_LE(counted, kThreads * kIncrements + unknown) << "that many may have taken effect";
}

TEST_P(CloudClientRaces, AReaderSeesOneObjectOrTheOther) {
  constexpr std::size_t kSize = 100'000;
  constexpr int kPuts = 40;
  put("a", std::string(kSize, 'a'));
  std::atomic<bool> is_done{false};
  std::jthread writer([&] {
    try {
      const auto machine = open();
      for (int i = 0; i < kPuts; ++i) {
        put(*machine, "a", std::string(kSize, static_cast<char>('b' + i % 20)));
      }
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    is_done = true;
  });
  while (!is_done) {
    const auto object = client_->get("a").object;
    ASSERT_EQ(object.bytes.size(), kSize);
    ASSERT_EQ(object.bytes.as_text().find_first_not_of(object.bytes.as_text()[0]),
              std::string_view::npos);
  }
}

TEST_P(CloudClientRaces, CallsOfOneClientRunInParallel) {
  constexpr int kObjects = 25;
  run_in_threads([&](int thread) {
    for (int i = 0; i < kObjects; ++i) {
      const std::string key = std::to_string(thread) + "/" + std::to_string(i);
      put(key, key);
      ASSERT_EQ(text_of(key), key);
    }
  });
  EXPECT_EQ(all_keys(*client_, "", 1000).size(), std::size_t{kThreads} * kObjects);
}

TEST_P(CloudClientRaces, RemovingTheSameFromManyMachinesIsNoError) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < 50; ++i) keys.push_back(numbered(i));
  for (const auto& key : keys) put(key, "x");
  run_in_threads([&](int) { open()->remove(keys); });
  EXPECT_TRUE(client_->list("", "", 10).objects.empty());
}

}  // namespace protobase::conformance
