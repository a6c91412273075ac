// Several threads put one key at once under one condition, each its own bytes: what a store says of
// them, and what then lies there, must fit together.
#pragma once

#include <cstdint>
#include <string>

#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

struct RaceOutcome {
  unsigned winners = 0;  ///< puts that the store says it stored
  unsigned losers = 0;   ///< and did not, for the condition did not hold
  unsigned not_now = 0;  ///< answered without a decision
  unsigned unknown = 0;  ///< no usable answer
  std::string winner;    ///< the bytes of one of the winners
  std::string version;   ///< and its version
  std::string error;     ///< of one that is neither
};

/// Errors of the requests are part of the outcome.
RaceOutcome run_race(CloudStorageClient& client, const std::string& key,
                     const CloudPutCondition& condition, unsigned threads);

/// One small object, as text.
CloudPutResult put_text(CloudStorageClient& client, const std::string& key, const std::string& text,
                        const CloudPutCondition& condition);

}  // namespace protobase::cloud
