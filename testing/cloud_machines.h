// Several machines on one bucket in memory, as a fixture for tests: what each of them asks of the
// bucket is counted, may fail as planned, and is cut off when the machine dies.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "cloud/memory_bucket.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/mock_s3_client.h"
#include "testing/cloud_fault_client.h"
#include "testing/manual_clock.h"

namespace protobase::testing {

class CloudMachinesTest : public ::testing::Test {
 protected:
  struct Machine {
    std::shared_ptr<CloudFaultClient> client;
    std::unique_ptr<CloudFileStorage> storage;
    CloudFileStorage* operator->() const { return storage.get(); }
  };

  CloudStorageOptions cloud() const {
    CloudStorageOptions options;
    options.clock = clock_;
    return options;
  }
  static StorageOptions without_caches() {
    StorageOptions options;
    options.enable_atom_object_cache = options.enable_atom_bytes_cache = false;
    return options;
  }
  std::shared_ptr<CloudFaultClient> new_client() const {
    return std::make_shared<CloudFaultClient>(std::make_shared<MockS3Client>(bucket_), plan_);
  }
  Machine open(const CloudStorageOptions& options) {
    Machine machine{new_client(), nullptr};
    machine.storage = std::make_unique<CloudFileStorage>(machine.client, options, without_caches());
    return machine;
  }
  Machine open() { return open(cloud()); }

  static AtomPointer commit(const Machine& machine, const std::string& text) {
    const AtomPointer root = machine->push_bytes(as_bytes(text));
    machine->set_current_root(root);
    return root;
  }
  /// Nothing of it reaches the bucket any more.
  static void kill(Machine& machine) {
    machine.client->cut_off(true);
    machine.storage.reset();
  }
  static std::string get(const Machine& machine, const AtomPointer& pointer) {
    return std::string(machine->get_bytes(pointer).as_text());
  }
  /// Requests of `machine` while `work` ran.
  template <typename Work>
  static CloudRequestCounts requests(const Machine& machine, const Work& work) {
    const CloudRequestCounts before = machine.client->counts();
    work();
    CloudRequestCounts now = machine.client->counts();
    now.puts -= before.puts;
    now.gets -= before.gets;
    now.lists -= before.lists;
    now.deletes -= before.deletes;
    now.bytes_sent -= before.bytes_sent;
    now.bytes_received -= before.bytes_received;
    return now;
  }

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  std::shared_ptr<cloud::MemoryBucket> bucket_ =
      std::make_shared<cloud::MemoryBucket>("mock", clock_);
  std::shared_ptr<CloudFaultPlan> plan_ = std::make_shared<CloudFaultPlan>(1);
};

}  // namespace protobase::testing
