// A client of a bucket that says on a terminal why the command waits: requests that fail are tried
// again for a while, and nothing else would tell.
#pragma once

#include <memory>

#include "protobase/cloud_storage_client.h"

namespace protobase::cli {

/// Shows the newest failure that may be tried again as one line on standard error, until a request
/// goes well or the client goes away. `client` itself when standard error is no terminal.
std::shared_ptr<CloudStorageClient> show_waiting(std::shared_ptr<CloudStorageClient> client);

}  // namespace protobase::cli
