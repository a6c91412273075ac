// Whether a directory can carry a space, found out by trying.
#pragma once

#include <string>
#include <vector>

#include "os/file_system.h"
#include "os/random.h"
#include "protobase/bucket_doctor.h"

namespace protobase::cli {

/// It is there, files can be made in it, fdatasync works, locks between open files work. Makes one
/// file and removes it again. Stops where the rest could not be done; errors are findings.
std::vector<DoctorFinding> examine_directory(const std::string& path, os::FileSystem& file_system,
                                             os::Random& random);

}  // namespace protobase::cli
