#include "test/soak/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "protobase/memory_storage.h"
#include "test/soak/worker.h"

namespace protobase::soak {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// One worker's honest work on a store, and its record, which tests then falsify.
class JudgeTest : public ::testing::Test {
 protected:
  void work(const std::string& letters) {
    std::string lines;
    const auto open = [&] {
      auto storage = std::make_unique<MemoryStorage>();
      storage_ = storage.get();
      return storage;
    };
    worker_ = std::make_unique<Worker>("w", open, [&](const std::string& line) { lines += line; });
    worker_->open();
    worker_->run(0, fixed_plan(letters));
    std::istringstream stream(lines);
    record_ = read_record(stream);
  }

  std::string violation(Reads reads = Reads::kNewest) {
    try {
      judge(*storage_, std::vector{record_}, reads);
      return "";
    } catch (const Violation& violation) {
      return violation.what();
    }
  }

  /// The `n`-th call of a kind.
  Call& call(Action action, std::size_t n) {
    for (Call& call : record_.calls) {
      if (call.action == action && n-- == 0) return call;
    }
    throw std::out_of_range("no such call");
  }

  std::unique_ptr<Worker> worker_;
  SharedStorage* storage_ = nullptr;  // the worker's
  Record record_;
};

TEST_F(JudgeTest, AnHonestRecordIsBelieved) {
  work("plsrcwfs");
  const Judgement found = judge(*storage_, std::vector{record_});
  EXPECT_EQ(found.commits, 3u);
  EXPECT_EQ(found.acknowledged, 3u);
  EXPECT_EQ(found.atoms, record_.pushes.size());
  EXPECT_EQ(found.reads, 2u);
}

TEST_F(JudgeTest, ALostCommitIsFound) {
  work("sps");
  Call lost = call(Action::kSet, 0);
  lost.name = record_.pushes[1].name;
  lost.root = record_.pushes[1].pointer;
  record_.calls.push_back(lost);
  EXPECT_THAT(violation(), HasSubstr("is not in the history"));
  record_.calls.back().outcome = Outcome::kUnknown;
  record_.calls.back().end_ns = kNever;
  EXPECT_THAT(violation(), IsEmpty()) << "it was never acknowledged";
}

TEST_F(JudgeTest, ACommitThatWasRefusedAndIsThereIsFound) {
  work("ss");
  call(Action::kSet, 1).outcome = Outcome::kRefused;
  EXPECT_THAT(violation(), HasSubstr("answered with no"));
  call(Action::kSet, 1).outcome = Outcome::kUnknown;
  EXPECT_THAT(violation(), IsEmpty());
}

TEST_F(JudgeTest, ACommitThatNobodyMadeIsFound) {
  work("ss");
  record_.calls.pop_back();
  EXPECT_THAT(violation(), HasSubstr("nobody made"));
}

TEST_F(JudgeTest, AnotherAtomAtTheAddressOfACommitIsFound) {
  work("ss");
  call(Action::kSet, 0).name = "other";
  EXPECT_THAT(violation(), HasSubstr("is not in the history"));
}

TEST_F(JudgeTest, ALostAtomIsFound) {
  work("ps");
  record_.pushes[0].pointer.offset += 8;
  EXPECT_THAT(violation(), HasSubstr("is lost"));
}

TEST_F(JudgeTest, ALostFlushedAtomIsFoundAndAnUnflushedOneIsNotMissed) {
  work("pfp");
  record_.pushes[1].pointer.offset += 8;
  EXPECT_THAT(violation(), IsEmpty());
  record_.pushes[0].pointer.offset += 8;
  EXPECT_THAT(violation(), HasSubstr("is lost"));
}

TEST_F(JudgeTest, WrongBytesAreFound) {
  work("ps");
  record_.pushes[0].size += 1;
  EXPECT_THAT(violation(), HasSubstr("wrong bytes"));
}

TEST_F(JudgeTest, CommitsInTheWrongOrderAreFound) {
  work("ss");
  std::swap(call(Action::kSet, 0).begin_ns, call(Action::kSet, 1).begin_ns);
  std::swap(call(Action::kSet, 0).end_ns, call(Action::kSet, 1).end_ns);
  EXPECT_THAT(violation(), HasSubstr("the root went back"));
}

TEST_F(JudgeTest, AStaleReadIsFound) {
  work("sssr");
  call(Action::kRead, 0).seen = call(Action::kSet, 1).root;
  EXPECT_THAT(violation(), HasSubstr("the root went back"));
  call(Action::kRead, 0).seen = std::nullopt;
  EXPECT_THAT(violation(), HasSubstr("the root went back"));
}

TEST_F(JudgeTest, AReadOfARootThatNeverWasIsFound) {
  work("psr");
  call(Action::kRead, 0).seen = record_.pushes[0].pointer;
  EXPECT_THAT(violation(), HasSubstr("a read root"));
}

TEST_F(JudgeTest, WhereReadsMayBeOldOnlyARootThatNeverWasIsFound) {
  work("sssr");
  call(Action::kRead, 0).seen = call(Action::kSet, 1).root;
  EXPECT_THAT(violation(Reads::kMayBeOld), IsEmpty());
  call(Action::kRead, 0).seen = AtomPointer{};
  EXPECT_THAT(violation(Reads::kMayBeOld), HasSubstr("a read root"));
}

TEST_F(JudgeTest, ACommitThatFailedWithoutEffectAndIsThereIsFound) {
  work("ss");
  call(Action::kSet, 1).outcome = Outcome::kFailed;
  EXPECT_THAT(violation(), HasSubstr("answered with no"));
}

TEST_F(JudgeTest, ACompareAndSetOverAnotherRootIsFound) {
  work("ssc");
  call(Action::kCompareAndSet, 0).expected = call(Action::kSet, 0).root;
  EXPECT_THAT(violation(), HasSubstr("another root than expected"));
}

TEST_F(JudgeTest, ACompareAndSetThatLostToNobodyIsFound) {
  work("sw");
  call(Action::kCompareAndSet, 0).expected = call(Action::kSet, 0).root;
  EXPECT_THAT(violation(), HasSubstr("lost although"));
}

TEST(SoakRecord, ALineThatAKillCutIsLeftOut) {
  std::istringstream lines("B 0 17 flush\nE 0 18 yes\nB 1 19 rea");
  const Record record = read_record(lines);
  ASSERT_EQ(record.calls.size(), 1u);
  EXPECT_EQ(record.calls[0].end_ns, 18u);
}

TEST(SoakRecord, ACallWithoutAnEndIsUnknown) {
  std::istringstream lines("B 0 17 flush\nB 1 18 read\nE 1 19 yes none\n");
  const Record record = read_record(lines);
  ASSERT_EQ(record.calls.size(), 2u);
  EXPECT_EQ(record.calls[0].outcome, Outcome::kUnknown);
  EXPECT_EQ(record.calls[0].end_ns, kNever);
  EXPECT_EQ(record.calls[1].outcome, Outcome::kYes);
}

TEST(SoakRecord, WhatNoWorkerWritesIsRefused) {
  for (const char* line :
       {"X 0 1\n", "B 0 1 dance\n", "E 0 1 yes\n", "P 0 name\n", "B 0 x read\n"}) {
    std::istringstream lines(line);
    EXPECT_THROW(read_record(lines), std::runtime_error) << line;
  }
}

TEST(SoakRecord, APayloadNamesItself) {
  const std::string payload = payload_of("w.17", 100);
  EXPECT_EQ(payload.size(), 100u);
  EXPECT_EQ(name_in(payload), "w.17");
  EXPECT_NE(payload.substr(5), payload_of("w.18", 100).substr(5));
  EXPECT_EQ(name_in("no line feed"), std::nullopt);
}

}  // namespace
}  // namespace protobase::soak
