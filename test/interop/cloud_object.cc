// One call of a real client, for scripts that compare it with others'
// (test/system/cloud_*_test.py): cloud_object s3|gs put|get|list KEY, the bytes by standard input
// and output.
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "protobase/errors.h"
#include "testing/cloud_servers.h"

namespace protobase {
namespace {

constexpr std::uint64_t kPartSize = std::uint64_t{5} << 20;
constexpr unsigned kMaxKeys = 1000;

int run(CloudStorageClient& client, std::string_view what, const std::string& key) {
  if (what == "put") {
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    const auto bytes = as_bytes(text);
    std::cout << client.put(key, {&bytes, 1}, {}).version << "\n";
  } else if (what == "get") {
    const CloudGetResult result = client.get(key);
    if (result.status != CloudGetStatus::kFound) return 1;
    std::cout << result.object.bytes.as_text();
  } else {
    for (const auto& object : client.list(key, "", kMaxKeys).objects) {
      std::cout << object.key << "\n";
    }
  }
  return 0;
}

}  // namespace
}  // namespace protobase

int main(int count, char** arguments) {
  if (count != 4) return 2;
  try {
    const auto client = arguments[1] == std::string_view("s3")
                            ? protobase::testing::s3_of_environment("", protobase::kPartSize)
                            : protobase::testing::google_of_environment("", protobase::kPartSize);
    return protobase::run(*client, arguments[2], arguments[3]);
  } catch (const protobase::ProtoBaseError& error) {
    std::cerr << error.what() << "\n";
    return 3;
  }
}
