// The checks behind examine_bucket(), one after the other. Every key that may have been put is
// noted before it is, so that all of them are removed in the end.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cloud/bucket.h"
#include "cloud/bucket_race.h"
#include "protobase/bucket_doctor.h"

namespace protobase::cloud {

class BucketDoctor final {
 public:
  BucketDoctor(CloudStorageClient& client, const BucketDoctorOptions& options);

  /// To be called once.
  std::vector<DoctorFinding> examine();

 private:
  struct Result {
    bool is_ok = false;
    std::string detail{};
  };

  bool answers();
  Result open_store();
  bool check(const char* name, const std::function<Result()>& run);
  std::string key(const std::string& name);
  Result put_probe(const std::string& probe);
  Result get_probe(const std::string& probe);
  Result list_probe(const std::string& probe);
  Result compare_clocks(const std::string& probe);
  Result race_to_create();
  Result race_to_replace();
  std::optional<std::string> judge(const RaceOutcome& outcome, const std::string& key);
  Result conclusion(const char* what) const;
  std::string left_by_others();
  Result remove_all();

  const Bucket bucket_;
  const unsigned threads_;
  const unsigned rounds_;
  const std::string no_store_here_;
  const std::string directory_;  ///< what stands in front of every key
  std::vector<std::string> keys_;
  std::vector<DoctorFinding> findings_;
  std::int64_t put_from_us_ = 0;  ///< the probe was put between these
  std::int64_t put_to_us_ = 0;
  unsigned decided_ = 0;  ///< races that had a winner
  std::string last_error_;
};

}  // namespace protobase::cloud
