#include "cloud/bucket_race.h"

#include <atomic>
#include <exception>
#include <span>
#include <thread>
#include <vector>

#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

/// Lets all racers go at once; also when not all of them could be started.
class Start final {
 public:
  explicit Start(std::atomic<bool>& given) : given_(given) {}
  ~Start() {
    given_ = true;
    given_.notify_all();
  }
  Start(const Start&) = delete;
  Start& operator=(const Start&) = delete;

 private:
  std::atomic<bool>& given_;
};

struct Racer {
  std::string text;
  CloudPutResult result{};
  bool is_unknown = false;
  std::string error{};
};

void run(Racer& racer, CloudStorageClient& client, const std::string& key,
         const CloudPutCondition& condition) {
  try {
    racer.result = put_text(client, key, racer.text, condition);
  } catch (const CloudStorageError& error) {
    racer.error = error.what();
    racer.is_unknown = error.failure() == CloudFailure::kUnknown;
  } catch (const std::exception& error) {
    racer.error = error.what();
  }
}

RaceOutcome outcome_of(const std::vector<Racer>& racers) {
  RaceOutcome outcome;
  for (const Racer& racer : racers) {
    if (!racer.error.empty()) {
      ++(racer.is_unknown ? outcome.unknown : outcome.not_now);
      outcome.error = racer.error;
    } else if (racer.result.stored) {
      ++outcome.winners;
      outcome.winner = racer.text;
      outcome.version = racer.result.version;
    } else {
      ++outcome.losers;
    }
  }
  return outcome;
}

}  // namespace

CloudPutResult put_text(CloudStorageClient& client, const std::string& key, const std::string& text,
                        const CloudPutCondition& condition) {
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  return client.put(key, {&part, 1}, condition);
}

RaceOutcome run_race(CloudStorageClient& client, const std::string& key,
                     const CloudPutCondition& condition, unsigned threads) {
  std::vector<Racer> racers(threads);
  std::atomic<bool> started{false};
  {
    std::vector<std::jthread> running;  // joined after the start was given
    const Start start(started);
    for (unsigned i = 0; i < threads; ++i) {
      racers[i].text = key + " by thread " + std::to_string(i);
      running.emplace_back([&, i] {
        started.wait(false);
        run(racers[i], client, key, condition);
      });
    }
  }
  return outcome_of(racers);
}

}  // namespace protobase::cloud
