// A store in a bucket: a chain of visitors, each pointing at the one before. Two machines write to
// it; who is overtaken hears it, opens the store again, and goes on.
// Usage: bucket                             in a bucket that is memory, and gone at the end
//        bucket BUCKET PREFIX [ENDPOINT]    in Amazon S3, or in what speaks its API at ENDPOINT
#include <iostream>
#include <memory>
#include <string>

#include "protobase/cloud_file_storage.h"
#include "protobase/mock_s3_client.h"
#include "protobase/protobase.h"
#include "protobase/s3_client.h"

namespace {

using protobase::Atom;
using protobase::CloudFileStorage;
using protobase::CloudStorageClient;

std::shared_ptr<CloudStorageClient> client_of(int argc, char** argv) {
  if (argc == 1) return std::make_shared<protobase::MockS3Client>();
  protobase::S3ClientOptions options;  // keys and region: from where Amazon's own tools take them
  options.bucket = argv[1];
  options.prefix = argv[2];
  if (argc == 4) {
    options.endpoint_url = argv[3];
    options.path_style = true;
  }
  return std::make_shared<protobase::S3Client>(options);
}

void add_visitor(CloudFileStorage& storage, const std::string& name) {
  const auto root = storage.read_current_root();  // nullopt in a store without a root
  const Atom before = root ? Atom::reference("Visitor", *root) : Atom();
  const auto visitor = storage.push_atom(Atom::object({{"name", name}, {"before", before}}));
  storage.set_current_root(visitor);  // one PUT: in the bucket when this returns
}

/// The newest first.
std::string newest_visitors(CloudFileStorage& storage, int count) {
  std::string names;
  auto next = storage.read_current_root();
  for (; next && count > 0; --count) {
    const auto visitor = storage.get_atom(*next);
    names += visitor->at("name").as_string() + " ";
    next = visitor->at("before").as_reference();  // nullopt: it is null
  }
  return names;
}

bool run(const std::shared_ptr<CloudStorageClient>& client) {
  auto here = std::make_unique<CloudFileStorage>(client);  // the first commit makes the store
  add_visitor(*here, "Ada");

  CloudFileStorage elsewhere(client);
  add_visitor(elsewhere, "Grace");  // takes over the writing

  try {
    add_visitor(*here, "Emmy");
  } catch (const protobase::LockingError& error) {  // nothing of it was committed
    std::cout << error.what() << "\n";
    here = std::make_unique<CloudFileStorage>(client);  // knows of Grace
    add_visitor(*here, "Emmy");
  }

  CloudFileStorage reader(client);  // any number of readers, at any time
  const std::string names = newest_visitors(reader, 3);
  std::cout << names << "\n";
  return names == "Emmy Grace Ada ";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 || argc > 4) {
    std::cerr << "usage: bucket [BUCKET PREFIX [ENDPOINT]]\n";
    return 2;
  }
  try {
    return run(client_of(argc, argv)) ? 0 : 1;
  } catch (const protobase::ProtoBaseError& error) {
    std::cerr << "bucket: " << error.what() << "\n";
    return 1;
  }
}
