// What the super-user may do is no test of permissions: for as long as one of these lives, the
// process acts as somebody else.
#pragma once

#include <string>

namespace protobase::testing {

/// When run as root: gives `directory` to the user "nobody" and becomes that user until destroyed.
/// Otherwise does nothing. Throws std::system_error.
class Unprivileged final {
 public:
  explicit Unprivileged(const std::string& directory);
  ~Unprivileged();
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

 private:
  const bool was_root_;
};

}  // namespace protobase::testing
