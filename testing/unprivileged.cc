#include "testing/unprivileged.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace protobase::testing {
namespace {

constexpr uid_t kNobody = 65534;

void check(int result, const char* call) {
  if (result != 0) throw std::system_error(errno, std::generic_category(), call);
}

}  // namespace

Unprivileged::Unprivileged(const std::string& directory) : was_root_(geteuid() == 0) {
  if (!was_root_) return;
  check(chown(directory.c_str(), kNobody, static_cast<gid_t>(-1)), "chown");
  check(seteuid(kNobody), "seteuid");
}

Unprivileged::~Unprivileged() {
  if (was_root_ && seteuid(0) != 0) std::abort();  // no later test may run as somebody else
}

}  // namespace protobase::testing
