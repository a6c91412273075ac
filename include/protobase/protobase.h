// Everything a user of the local storages needs.
#pragma once

#include "protobase/atom.h"                     // IWYU pragma: export
#include "protobase/errors.h"                   // IWYU pragma: export
#include "protobase/file_block_provider.h"      // IWYU pragma: export
#include "protobase/memory_storage.h"           // IWYU pragma: export
#include "protobase/options.h"                  // IWYU pragma: export
#include "protobase/standalone_file_storage.h"  // IWYU pragma: export
#include "protobase/storage.h"                  // IWYU pragma: export
#include "protobase/version.h"                  // IWYU pragma: export
