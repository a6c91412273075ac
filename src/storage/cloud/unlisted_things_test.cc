// A store that gives objects back and does not list them: no commit would be found again, so no
// space is made there.
#include <memory>
#include <string>

#include "protobase/cloud_file_storage.h"
#include "protobase/errors.h"
#include "protobase/mock_s3_client.h"
#include "testing/cloud_machines.h"
#include "testing/expect_error.h"
#include "testing/forwarding_cloud_client.h"

namespace protobase {
namespace {

class UnlistedThingsTest : public testing::CloudMachinesTest {};

/// As servers do that keep objects as files, for keys like a//b: they are given back by these
/// names, and listed by others.
class RenamingClient final : public testing::ForwardingCloudClient {
 public:
  RenamingClient() : ForwardingCloudClient(std::make_shared<MockS3Client>()) {}
  CloudListPage list(const std::string& prefix, const std::string& start_after,
                     unsigned max_keys) override {
    if (looks_until_listed > 0 && --looks_until_listed > 0) return {};
    return inner().list(prefix, start_after, max_keys);
  }
  int looks_until_listed = 0;
};

TEST_F(UnlistedThingsTest, AStoreThatListsNothingOfWhatWasPutIsRefusedBeforeAnythingIsSaid) {
  const auto client = std::make_shared<RenamingClient>();
  client->looks_until_listed = 1'000;
  for (int i = 0; i < 2; ++i) {
    CloudFileStorage storage(client, cloud());
    const AtomPointer root = storage.push_bytes(as_bytes("root"));
    testing::expect_error<NotSupportedError>([&] { storage.set_current_root(root); },
                                             {"does not list", "choose a prefix", "doctor"});
  }
  client->looks_until_listed = 0;
  EXPECT_TRUE(client->list({}, {}, 1).objects.empty()) << "something was left";
}

TEST_F(UnlistedThingsTest, AListingThatComesLateIsNoReasonToRefuseAStore) {
  const auto client = std::make_shared<RenamingClient>();
  CloudFileStorage storage(client, cloud());
  const AtomPointer root = storage.push_bytes(as_bytes("root"));
  client->looks_until_listed = 4;
  storage.set_current_root(root);
  CloudFileStorage elsewhere(client, cloud());
  EXPECT_EQ(elsewhere.read_current_root(), root);
}

}  // namespace
}  // namespace protobase
