#include "protobase/bucket_doctor.h"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <utility>

#include "base/check_range.h"
#include "cloud/bucket_doctor.h"
#include "cloud/bucket_race.h"
#include "cloud/commit_log.h"
#include "cloud/create_object.h"
#include "cloud/endpoint_advice.h"
#include "cloud/other_things.h"
#include "engine/worker_pool.h"
#include "protobase/errors.h"
#include "protobase/uuid.h"

namespace protobase {

void BucketDoctorOptions::validate() const {
  base::check_range<unsigned>("threads", threads, 2, 64);
  base::check_range<unsigned>("rounds", rounds, 1, 1000);
}

std::vector<DoctorFinding> examine_bucket(CloudStorageClient& client,
                                          const BucketDoctorOptions& options) {
  options.validate();
  return cloud::BucketDoctor(client, options).examine();
}

namespace cloud {
namespace {

constexpr std::uint64_t kRetryTimeoutMs = 10'000;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;
// Stores tell whole seconds.
constexpr std::int64_t kClockGrainUs = 1 * kMicrosPerSecond;
// Amazon refuses requests at 15 minutes, Google's tokens live for an hour.
constexpr std::int64_t kClockToleranceUs = 60 * kMicrosPerSecond;

/// In the words of the store's own documents.
std::string no_store_here(const CloudStorageClient& client) {
  const bool is_google = client.location().starts_with("gs:");
  return std::string(
             "a store is not safe here: two writers would lose each other's commits. Use "
             "another endpoint, or a version of this one that honours ") +
         (is_google ? "ifGenerationMatch" : "If-None-Match and If-Match");
}

std::string text_of(const CloudGetResult& got) { return std::string(got.object.bytes.as_text()); }

}  // namespace

BucketDoctor::BucketDoctor(CloudStorageClient& client, const BucketDoctorOptions& options)
    : bucket_(std::shared_ptr<CloudStorageClient>(std::shared_ptr<void>(), &client),  // not owned
              {options.clock ? options.clock : os::system_clock(),
               options.random ? options.random : os::system_random(), kRetryTimeoutMs}),
      threads_(options.threads),
      rounds_(options.rounds),
      no_store_here_(no_store_here(client)),
      directory_(std::string(kDoctorPrefix) + bucket_.random_id().to_string() + "/") {}

std::vector<DoctorFinding> BucketDoctor::examine() {
  if (!answers()) return std::move(findings_);
  const std::string probe = key("probe");
  bool goes_on = check("put", [&] { return put_probe(probe); });
  if (goes_on) {
    goes_on = check("get", [&] { return get_probe(probe); });
    goes_on = check("list", [&] { return list_probe(probe); }) && goes_on;
    check("clock", [&] { return compare_clocks(probe); });
  }
  if (goes_on) {
    check("create if absent", [&] { return race_to_create(); });
    check("replace if unchanged", [&] { return race_to_replace(); });
  }
  check("remove", [&] { return remove_all(); });
  return std::move(findings_);
}

/// Whether there is any use in going on.
bool BucketDoctor::answers() {
  try {
    bucket_.list({}, {}, 1);
  } catch (const NotAuthorizedError& error) {
    findings_.push_back({"credentials", false, error.what()});
    return false;
  } catch (const ProtoBaseError& error) {
    findings_.push_back({"answer", false, error.what()});
    return false;
  }
  findings_.push_back({"answer", true, bucket_.location() + " answers"});
  findings_.push_back({"credentials", true, "they are taken, and may list"});
  check("prefix", [&] { return open_store(); });
  return true;
}

/// Whether a store is there that opens, or one can be made.
BucketDoctor::Result BucketDoctor::open_store() {
  engine::WorkerPool pool(1);
  CommitLog log(bucket_, pool, [](const auto&...) {});
  if (!log.open()) {
    check_room_for_keys(bucket_);
    return {true, "it is free: a store can be made there"};
  }
  log.known().throw_if_broken();
  return {true,
          fmt::format("there is a store, {} commits and claims long", log.known().newest_slot())};
}

bool BucketDoctor::check(const char* name, const std::function<Result()>& run) {
  DoctorFinding finding{name, false, {}};
  try {
    Result result = run();
    finding.is_ok = result.is_ok;
    finding.detail = std::move(result.detail);
  } catch (const ProtoBaseError& error) {
    finding.detail = error.what();
  }
  findings_.push_back(std::move(finding));
  return findings_.back().is_ok;
}

std::string BucketDoctor::key(const std::string& name) {
  keys_.push_back(directory_ + name);
  return keys_.back();
}

BucketDoctor::Result BucketDoctor::put_probe(const std::string& probe) {
  put_from_us_ = bucket_.clock().unix_us();
  bucket_.put(probe, as_bytes(probe));
  put_to_us_ = bucket_.clock().unix_us();
  return {true, "an object can be put"};
}

BucketDoctor::Result BucketDoctor::get_probe(const std::string& probe) {
  const CloudGetResult whole = bucket_.get(probe);
  if (whole.status != CloudGetStatus::kFound || text_of(whole) != probe) {
    return {false,
            "an object that was just put is not there as it was put: this store is not "
            "strongly consistent; use another one"};
  }
  CloudGetOptions part;
  part.range = CloudRange{2, 3};
  const CloudGetResult got = bucket_.get(probe, part);
  if (text_of(got) != probe.substr(2, 3)) {
    return {false, "a range of an object is not what was put there: use another store"};
  }
  return {true, "and read at once, whole and in part"};
}

BucketDoctor::Result BucketDoctor::list_probe(const std::string& probe) {
  const CloudListPage page = bucket_.list(directory_, {}, 2);
  if (page.objects.size() != 1 || page.objects.front().key != probe ||
      page.objects.front().size != probe.size()) {
    return {false,
            std::string("a listing does not show what was just put: this store is not strongly "
                        "consistent, or it changes keys; use another one") +
                kAreKeysKept};
  }
  return {true, "and listed at once"};
}

BucketDoctor::Result BucketDoctor::compare_clocks(const std::string& probe) {
  const auto head = bucket_.head(probe);
  if (!head || head->last_modified_us == 0) return {true, "the store does not tell its time"};
  std::int64_t ahead_us = 0;  // the store's clock, of ours, by the least it can be
  if (head->last_modified_us > put_to_us_) ahead_us = head->last_modified_us - put_to_us_;
  if (head->last_modified_us + kClockGrainUs < put_from_us_) {
    ahead_us = head->last_modified_us + kClockGrainUs - put_from_us_;
  }
  const std::int64_t seconds = std::abs(ahead_us) / kMicrosPerSecond;
  if (std::abs(ahead_us) > kClockToleranceUs) {
    return {false, fmt::format("the clock of this machine is {} s {} the store's: set it", seconds,
                               ahead_us > 0 ? "behind" : "ahead of")};
  }
  return {true, fmt::format("not more than {} s from the store's", seconds + 1)};
}

/// What is wrong with it; nullopt: nothing.
std::optional<std::string> BucketDoctor::judge(const RaceOutcome& outcome, const std::string& key) {
  if (outcome.winners > 1) {
    return fmt::format("{} of {} at once were told that they won; {}", outcome.winners, threads_,
                       no_store_here_);
  }
  if (outcome.winners == 0 && outcome.losers == threads_) {
    return fmt::format("all {} at once were refused, though one should win; {}", threads_,
                       no_store_here_);
  }
  if (outcome.winners == 0) {
    last_error_ = outcome.error;  // says nothing about the store
    return std::nullopt;
  }
  ++decided_;
  if (text_of(bucket_.get(key)) != outcome.winner) {
    return fmt::format("what is there is not what the winner put; {}", no_store_here_);
  }
  return std::nullopt;
}

BucketDoctor::Result BucketDoctor::race_to_create() {
  decided_ = 0;
  for (unsigned round = 0; round < rounds_; ++round) {
    const std::string fresh = key(fmt::format("create-{}", round));
    const RaceOutcome outcome =
        run_race(bucket_.client(), fresh, CloudPutCondition::if_absent(), threads_);
    if (auto wrong = judge(outcome, fresh)) return {false, *std::move(wrong)};
    if (outcome.winners == 1 &&
        put_text(bucket_.client(), fresh, "late", CloudPutCondition::if_absent()).stored) {
      return {false, fmt::format("an object that is there was created again; {}", no_store_here_)};
    }
  }
  return conclusion("creations");
}

BucketDoctor::Result BucketDoctor::race_to_replace() {
  decided_ = 0;
  std::string old_version;
  for (unsigned round = 0; round < rounds_; ++round) {
    const std::string fresh = key(fmt::format("replace-{}", round));
    old_version = bucket_.put(fresh, as_bytes("old")).version;
    const auto unchanged = CloudPutCondition::if_version(old_version);
    const RaceOutcome outcome = run_race(bucket_.client(), fresh, unchanged, threads_);
    if (auto wrong = judge(outcome, fresh)) return {false, *std::move(wrong)};
    if (outcome.winners == 0) continue;
    if (put_text(bucket_.client(), fresh, "late", unchanged).stored) {
      return {false, fmt::format("a version that is gone was replaced; {}", no_store_here_)};
    }
    const auto current = CloudPutCondition::if_version(outcome.version);
    if (!put_text(bucket_.client(), fresh, "new", current).stored) {
      return {false,
              fmt::format("the version that is there cannot be replaced; {}", no_store_here_)};
    }
  }
  if (put_text(bucket_.client(), key("absent"), "late", CloudPutCondition::if_version(old_version))
          .stored) {
    return {false, fmt::format("an object that is not there was replaced; {}", no_store_here_)};
  }
  return conclusion("replacements");
}

BucketDoctor::Result BucketDoctor::conclusion(const char* what) const {
  if (decided_ == 0) {
    return {false, fmt::format("none of {} races had a winner: {}; try again later", rounds_,
                               last_error_)};
  }
  return {true,
          fmt::format("of {} {} at once exactly one wins, in {} races", threads_, what, decided_)};
}

/// Of checks that run now, or were broken off: nothing tells which.
std::string BucketDoctor::left_by_others() {
  const CloudListPage page = bucket_.list(std::string(kDoctorPrefix), {});
  if (page.objects.empty()) return {};
  return fmt::format(
      "; {}{} objects of other checks are there: if none is running, remove what is below {}/{}",
      page.objects.size(), page.is_truncated ? " or more" : "", bucket_.location(), kDoctorPrefix);
}

BucketDoctor::Result BucketDoctor::remove_all() {
  const std::string left =
      fmt::format("remove what is below {}/{} by hand", bucket_.location(), directory_);
  const auto is_gone = [&] { return bucket_.list(directory_, {}, 1).objects.empty(); };
  try {
    if (is_gone()) return {true, "nothing was put"};  // and what may not put, may not remove
    bucket_.remove(keys_);
    if (is_gone()) return {true, "what this check put is removed again" + left_by_others()};
  } catch (const ProtoBaseError& error) {
    return {false, fmt::format("{}; {}", error.what(), left)};
  }
  return {false, "objects that were removed are still listed; " + left};
}

}  // namespace cloud
}  // namespace protobase
