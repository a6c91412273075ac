#include "cloud/aws_profile.h"

#include <gtest/gtest.h>

#include <vector>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"
#include "testing/expect_error.h"
#include "testing/fixed_environment.h"
#include "testing/memory_file_system.h"

namespace protobase::cloud {
namespace {

using testing::expect_error;
using testing::FixedEnvironment;
using testing::MemoryFileSystem;

class AWSProfiles : public ::testing::Test {
 protected:
  AWSProfiles() { files_.make_directory("/.aws"); }

  void write(const std::string& path, const std::string& text) {
    files_.open(path, os::OpenMode::kCreate);
    const auto bytes = as_bytes(text);
    files_.set_content(path, {bytes.begin(), bytes.end()});
  }
  AWSProfile read(const std::string& name = "") {
    return read_aws_profile(name, environment_, files_);
  }

  MemoryFileSystem files_;
  FixedEnvironment environment_{{{"HOME", ""}}};
};

TEST_F(AWSProfiles, WithoutFilesThereIsNone) {
  environment_.set("HOME", "/nobody");
  const auto profile = read();
  EXPECT_EQ(profile.name, "default");
  EXPECT_FALSE(profile.is_there);
  EXPECT_FALSE(profile.was_named);
  EXPECT_EQ(profile.get("region"), "");
}

TEST_F(AWSProfiles, BothFilesMakeAProfileAndTheCredentialsFileCounts) {
  environment_.set("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials");
  environment_.set("AWS_CONFIG_FILE", "/.aws/config");
  write("/.aws/credentials",
        "[default]\naws_access_key_id = A\n[two]\r\nAWS_Access_Key_ID=B # b\r\n");
  write("/.aws/config",
        "# all of it\n[default]\nregion=eu-west-1\naws_access_key_id=C\ns3 =\n  region = nested\n"
        "[ profile two ]\nregion = eu-west-2\n[two]\nregion = not this\n");
  EXPECT_EQ(read().get("aws_access_key_id"), "A");
  EXPECT_EQ(read().get("region"), "eu-west-1");
  EXPECT_EQ(read("two").get("aws_access_key_id"), "B");
  EXPECT_EQ(read("two").get("region"), "eu-west-2");
  environment_.set("AWS_PROFILE", "two");
  EXPECT_EQ(read().get("region"), "eu-west-2");
  EXPECT_TRUE(read().was_named);
  EXPECT_EQ(read("default").get("region"), "eu-west-1") << "a name given goes before AWS_PROFILE";
  EXPECT_FALSE(read("three").is_there);
}

TEST_F(AWSProfiles, GroupsOfSettingsAndServicesBelongToTheirProfile) {
  environment_.set("AWS_CONFIG_FILE", "/.aws/config");
  write("/.aws/config",
        "  endpoint_url = of nobody\n[default]\nservices = near\nregion = a\n  endpoint_url = b\n"
        "s3 =\n  Addressing_Style = path\n  no setting\n[services far]\ns3 =\n  endpoint_url = c\n"
        "[services near]\n  endpoint_url = d\ndynamodb =\n  endpoint_url = e\ns3 =\n"
        "\tendpoint_url = f # here\n");
  const auto profile = read();
  EXPECT_EQ(profile.get("s3.addressing_style"), "path");
  EXPECT_EQ(profile.get("s3.endpoint_url"), "f");
  EXPECT_EQ(profile.get("endpoint_url"), "") << "that one was of the region";
}

// As `aws configure --profile "far away"` writes it, and as people indent what they copied.
TEST_F(AWSProfiles, NamesInQuotesAndSectionsThatAreIndentedAsAWholeAreRead) {
  environment_.set("AWS_CONFIG_FILE", "/.aws/config");
  write("/.aws/config",
        "[profile 'far away']\nregion = a\n[profile \"near\"]\nregion = b\n"
        "[profile \t tab]\nregion = c\n[default]\n  region = d\n  s3 =\n    addressing_style = e\n"
        "  endpoint_url = f\n");
  EXPECT_EQ(read("far away").get("region"), "a");
  EXPECT_EQ(read("near").get("region"), "b");
  EXPECT_EQ(read("tab").get("region"), "c");
  EXPECT_EQ(read().get("region"), "d");
  EXPECT_EQ(read().get("s3.addressing_style"), "e");
  EXPECT_EQ(read().get("endpoint_url"), "f");
}

TEST_F(AWSProfiles, FilesLieBelowHome) {
  files_.make_directory("/person");
  files_.make_directory("/person/.aws");
  environment_.set("HOME", "/person");
  write("/person/.aws/credentials", "[default]\naws_access_key_id=A\n");
  write("/person/other", "[default]\nregion=eu-west-3\n");
  environment_.set("AWS_CONFIG_FILE", "~/other");
  EXPECT_EQ(read().get("aws_access_key_id"), "A");
  EXPECT_EQ(read().get("region"), "eu-west-3");
}

TEST_F(AWSProfiles, WhatCannotBeReadNamesFileAndLineAndNothingElse) {
  environment_.set("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials");
  for (const char* text : {"[default]\n\nSECRET\n", "x\n\naws_secret_access_key=SECRET",
                           "[default]\nx=1\n[SECRET\n", "# c\n\nx = SECRET\n"}) {
    write("/.aws/credentials", text);
    try {
      read();
      ADD_FAILURE() << text;
    } catch (const ValidationError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("/.aws/credentials, line "), std::string::npos) << message;
      EXPECT_EQ(message.find("SECRET"), std::string::npos) << message;
    }
  }
}

TEST_F(AWSProfiles, TheSettingThatNamesABadFileIsNamed) {
  environment_.set("AWS_SHARED_CREDENTIALS_FILE", "/garbage");
  write("/garbage", "garbage");
  expect_error<ValidationError>([&] { read(); }, {"/garbage", "AWS_SHARED_CREDENTIALS_FILE"});
  environment_.set("AWS_SHARED_CREDENTIALS_FILE", "");
  files_.make_directory("/folder");
  environment_.set("AWS_CONFIG_FILE", "/folder");
  expect_error<ValidationError>([&] { read(); }, {"/folder is a directory", "AWS_CONFIG_FILE"});
}

TEST_F(AWSProfiles, AFileOfAnotherSizeIsAnotherFile) {
  environment_.set("AWS_CONFIG_FILE", "/.aws/config");
  write("/.aws/config", std::string((1 << 20) + 1, '\n'));
  expect_error<ValidationError>([&] { read(); }, {"/.aws/config", "1 MiB"});
}

}  // namespace
}  // namespace protobase::cloud
