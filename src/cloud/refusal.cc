#include "cloud/refusal.h"

#include <string>

#include "protobase/block_provider.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

constexpr const char* kAdvice = "; nothing was committed, the same call may be made again";

class RefusedByStore final : public CloudStorageError, public NothingTookEffect {
 public:
  explicit RefusedByStore(const CloudStorageError& why)
      : CloudStorageError(why.failure(), why.http_status(), std::string(why.what()) + kAdvice) {}
};

class RefusedAccess final : public NotAuthorizedError, public NothingTookEffect {
 public:
  explicit RefusedAccess(const NotAuthorizedError& why)
      : NotAuthorizedError(std::string(why.what()) + kAdvice) {}
};

class RefusedPlace final : public NotFoundError, public NothingTookEffect {
 public:
  explicit RefusedPlace(const NotFoundError& why)
      : NotFoundError(std::string(why.what()) + kAdvice) {}
};

}  // namespace

void throw_refusal(const std::exception_ptr& why) {
  try {
    std::rethrow_exception(why);
  } catch (const NothingTookEffect&) {  // and says so
    throw;
  } catch (const CloudStorageError& error) {
    throw RefusedByStore(error);
  } catch (const NotAuthorizedError& error) {
    throw RefusedAccess(error);
  } catch (const NotFoundError& error) {
    throw RefusedPlace(error);
  }
}

}  // namespace protobase::cloud
