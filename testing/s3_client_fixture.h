// For tests of S3Client: one that speaks to answers written down in the test.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "protobase/errors.h"
#include "protobase/s3_client.h"
#include "protobase/shared_bytes.h"
#include "testing/fixed_environment.h"
#include "testing/manual_clock.h"
#include "testing/memory_file_system.h"
#include "testing/scripted_http_client.h"

namespace protobase {

using testing::FixedEnvironment;
using testing::ManualClock;
using testing::MemoryFileSystem;
using testing::RecordedHTTPRequest;
using testing::ScriptedHTTPClient;

inline std::string error_xml(const std::string& code, const std::string& more = "") {
  return "<Error><Code>" + code + "</Code><Message>words of the store</Message>" + more +
         "</Error>";
}

class S3ClientTest : public ::testing::Test {
 protected:
  S3ClientTest() {
    options_.bucket = "bucket";
    options_.endpoint_url = "http://store.example:9000";
    options_.access_key = "KEY";
    options_.secret_key = "SECRET-KEY";
    options_.path_style = true;
    options_.http = http_;
    options_.clock = clock_;
    options_.environment = environment_;
    options_.file_system = files_;
    options_.logger = [this](LogLevel, std::string_view text) {
      logged_ += std::string(text) + "\n";
    };
  }

  S3Client& client() {
    if (!client_) client_ = std::make_unique<S3Client>(options_);
    return *client_;
  }

  CloudPutResult put(const std::string& key, std::string_view text,
                     const CloudPutCondition& condition = {}) {
    const auto bytes = as_bytes(text);
    return client().put(key, {&bytes, 1}, condition);
  }

  /// The error of a get that is answered like this.
  template <typename Error = CloudStorageError>
  Error get_error(int status, const std::string& body = "", os::HTTPHeaders headers = {},
                  const CloudGetOptions& options = {}) {
    http_->answer(status, body, std::move(headers));
    try {
      client().get("key", options);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("SECRET"), std::string::npos) << error.what();
      return error;
    }
    throw std::logic_error("no error");
  }
  CloudFailure get_failure(int status, const std::string& body = "", os::HTTPHeaders headers = {},
                           const CloudGetOptions& options = {}) {
    return get_error(status, body, std::move(headers), options).failure();
  }

  RecordedHTTPRequest last() const { return http_->requests().back(); }

  std::shared_ptr<ScriptedHTTPClient> http_ = std::make_shared<ScriptedHTTPClient>();
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  std::shared_ptr<FixedEnvironment> environment_ = std::make_shared<FixedEnvironment>();
  std::shared_ptr<MemoryFileSystem> files_ = std::make_shared<MemoryFileSystem>();
  S3ClientOptions options_;
  std::string logged_;
  std::unique_ptr<S3Client> client_;
};

}  // namespace protobase
