// The clients against endpoints that can never give a right answer: nobody speaks, or no store
// does.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protobase/google_cloud_client.h"
#include "protobase/s3_client.h"
#include "protobase/shared_bytes.h"
#include "testing/fixed_environment.h"
#include "testing/loopback_http_server.h"
#include "testing/memory_file_system.h"

namespace protobase {
namespace {

using Server = testing::LoopbackHTTPServer;

template <typename Options>
Options options_at(const std::string& url) {
  Options options;
  options.bucket = "bucket";
  options.endpoint_url = url;
  options.read_stall_timeout_ms = 1'000;
  options.environment = std::make_shared<testing::FixedEnvironment>();
  options.file_system = std::make_shared<testing::MemoryFileSystem>();
  return options;
}

std::vector<std::unique_ptr<CloudStorageClient>> clients_at(const std::string& url) {
  auto s3 = options_at<S3ClientOptions>(url);
  s3.access_key = "KEY";
  s3.secret_key = "SECRET-KEY";
  auto google = options_at<GoogleCloudClientOptions>(url);
  google.credentials_path = "anonymous";
  std::vector<std::unique_ptr<CloudStorageClient>> clients;
  clients.push_back(std::make_unique<S3Client>(std::move(s3)));
  clients.push_back(std::make_unique<GoogleCloudClient>(std::move(google)));
  return clients;
}

/// Of every request that only reads, by each client.
void for_each_read_failure(const std::string& url,
                           const std::function<void(const CloudStorageError&)>& check) {
  for (const auto& client : clients_at(url)) {
    const std::vector<std::function<void()>> reads = {[&] { client->get("key"); },
                                                      [&] { client->head("key"); },
                                                      [&] { client->list("", "", 5); }};
    for (const auto& read : reads) {
      SCOPED_TRACE(client->location());
      try {
        read();
        ADD_FAILURE() << "no error";
      } catch (const CloudStorageError& error) {
        check(error);
      }
    }
  }
}

void expect_words(const CloudStorageError& error, const std::string& words) {
  EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
}

void expect_no_page(const CloudStorageError& error) {
  EXPECT_EQ(std::string(error.what()).find("<html>"), std::string::npos) << error.what();
}

/// request_timeout_ms, a minute, is for who sends or gets much.
TEST(SilentEndpoint, AReadThatGetsNoByteIsGivenUpEarly) {
  Server server([](const Server::Request&) { return Server::Reply{}; });
  const auto begin = std::chrono::steady_clock::now();
  for_each_read_failure(server.url(), [](const CloudStorageError& error) {
    EXPECT_TRUE(error.may_retry());
    expect_words(error, "look at the endpoint");
  });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(40)) << "of 6 reads";
}

constexpr const char* kPage = "<!DOCTYPE html><html><body>Welcome!</body></html>";

TEST(SilentEndpoint, APageInPlaceOfAnAnswerIsRefusedAtOnce) {
  Server server([](const Server::Request& request) {
    auto reply = Server::reply(200, kPage, "Content-Type: text/html\r\n");
    if (request.method == "HEAD") reply.bytes.resize(reply.bytes.find("\r\n\r\n") + 4);
    return reply;
  });
  for_each_read_failure(server.url(), [](const CloudStorageError& error) {
    EXPECT_FALSE(error.may_retry()) << error.what();
    expect_words(error, "; is this ");
    expect_no_page(error);
  });
}

TEST(SilentEndpoint, APageOfAProxyThatReachesNobodyIsTriedAgain) {
  for (const int status : {502, 503, 504}) {
    Server server([&](const Server::Request& request) {
      return request.method == "HEAD" ? Server::reply(status) : Server::reply(status, kPage);
    });
    for_each_read_failure(server.url(), [](const CloudStorageError& error) {
      EXPECT_TRUE(error.may_retry()) << error.what();
      expect_no_page(error);
    });
  }
}

TEST(SilentEndpoint, AnotherProtocolIsRefusedAtOnce) {
  Server server([](const Server::Request&) { return Server::Reply{}; }, "SSH-2.0-OpenSSH_9.2\r\n");
  const std::string address = server.url().substr(4);
  for (const std::string scheme : {"http", "https"}) {  // neither is spoken there
    for_each_read_failure(scheme + address, [](const CloudStorageError& error) {
      EXPECT_FALSE(error.may_retry()) << error.what();
      expect_words(error, "look at the endpoint");
    });
  }
}

TEST(SilentEndpoint, WhatAPageAnswersToAPutMayHaveBeenDone) {
  Server server([](const Server::Request&) { return Server::reply(200, kPage); });
  const auto bytes = as_bytes("x");
  for (const auto& client : clients_at(server.url())) {
    try {
      client->put("key", {&bytes, 1}, CloudPutCondition::if_absent());
      ADD_FAILURE() << "no error";
    } catch (const CloudStorageError& error) {
      EXPECT_EQ(error.failure(), CloudFailure::kUnknown) << error.what();
    }
  }
}

}  // namespace
}  // namespace protobase
