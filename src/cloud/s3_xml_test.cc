#include "cloud/s3_xml.h"

#include <gtest/gtest.h>

#include <vector>

#include "protobase/errors.h"
#include "testing/expect_error.h"

namespace protobase::cloud {
namespace {

using testing::expect_error;

std::string list_of(const std::string& content, const std::string& encoding = "url") {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>" +
         (encoding.empty() ? "" : "<EncodingType>" + encoding + "</EncodingType>") + content +
         "</ListBucketResult>";
}

std::string object_of(const std::string& key, const std::string& size = "5",
                      const std::string& time = "2013-05-24T00:00:00.000Z") {
  return "<Contents><Key>" + key + "</Key><LastModified>" + time +
         "</LastModified><ETag>&quot;abc&quot;</ETag><Size>" + size +
         "</Size><StorageClass>STANDARD</StorageClass></Contents>";
}

const std::string kEnd = "<IsTruncated>false</IsTruncated>";

TEST(S3XML, ReadsAList) {
  const auto answer = parse_s3_list(list_of(object_of("a/b+c%2Bd%C3%A4") + object_of("z", "0") +
                                            "<IsTruncated>true</IsTruncated>"));
  ASSERT_EQ(answer.objects.size(), 2u);
  EXPECT_EQ(answer.objects[0].key, "a/b c+d\xc3\xa4");
  EXPECT_EQ(answer.objects[0].size, 5u);
  EXPECT_EQ(answer.objects[0].version, "\"abc\"");
  EXPECT_EQ(answer.objects[0].last_modified_us, 1369353600'000'000);
  EXPECT_TRUE(answer.is_truncated);
}

TEST(S3XML, KeysAreOnlyDecodedWhereTheyWereEncoded) {
  EXPECT_EQ(parse_s3_list(list_of(object_of("a+b%20") + kEnd, "")).objects[0].key, "a+b%20");
  EXPECT_EQ(parse_s3_list(list_of(object_of("&lt;&amp;&#228;") + kEnd, "")).objects[0].key,
            "<&\xc3\xa4");
}

TEST(S3XML, AnEmptyListIsAList) { EXPECT_TRUE(parse_s3_list(list_of(kEnd)).objects.empty()); }

TEST(S3XML, AListMayLeaveETagsOut) {
  const auto answer = parse_s3_list(
      list_of("<Contents><Key>a</Key><LastModified>2013-05-24T00:00:00.000Z</LastModified>"
              "<Size>5</Size></Contents>" +
              kEnd));
  ASSERT_EQ(answer.objects.size(), 1u);
  EXPECT_EQ(answer.objects[0].size, 5u);
  EXPECT_EQ(answer.objects[0].version, "");
}

TEST(S3XML, AMalformedListIsRefused) {
  for (const std::string& xml :
       {std::string(), std::string("no xml"), std::string("<html/>"), list_of(""),
        list_of(object_of("a")), list_of(object_of("") + kEnd),
        list_of(object_of("a", "-1") + kEnd), list_of(object_of("a", "1e3") + kEnd),
        list_of(object_of("a", "99999999999999999999") + kEnd),
        list_of(object_of("a", "5", "yesterday") + kEnd), list_of(object_of("a%2") + kEnd),
        list_of(object_of("a%FF") + kEnd), list_of(object_of("a\xff") + kEnd),
        list_of(object_of(std::string(20'000, 'a')) + kEnd), list_of(object_of("a") + kEnd, "gzip"),
        list_of("<IsTruncated>yes</IsTruncated>"), list_of(object_of("a") + kEnd).substr(0, 250)}) {
    EXPECT_THROW(parse_s3_list(xml), ValidationError) << xml;
  }
}

TEST(S3XML, AListOfBucketsIsTold) {
  EXPECT_TRUE(
      is_list_of_buckets("<?xml version=\"1.0\"?><ListAllMyBucketsResult xmlns=\"x\">"
                         "<Buckets/></ListAllMyBucketsResult>"));
  for (const std::string& xml : {list_of(kEnd), std::string("ListAllMyBucketsResult"),
                                 std::string("<ListAllMyBucketsResult>"), std::string()}) {
    EXPECT_FALSE(is_list_of_buckets(xml)) << xml;
  }
}

TEST(S3XML, EntitiesOfADocumentTypeAreNotExpanded) {
  const std::string xml =
      "<!DOCTYPE x [<!ENTITY k \"boom\"><!ENTITY f SYSTEM \"file:///etc/passwd\">]>" +
      list_of(object_of("a&k;&f;") + kEnd, "");
  EXPECT_EQ(parse_s3_list(xml).objects[0].key, "a&k;&f;");
}

TEST(S3XML, DeepNestingIsNoDanger) {
  std::string xml;
  for (int i = 0; i < 200'000; ++i) xml += "<a>";
  EXPECT_THROW(parse_s3_list(xml), ValidationError);
  for (int i = 0; i < 200'000; ++i) xml += "</a>";
  EXPECT_THROW(parse_s3_list(xml), ValidationError);
}

TEST(S3XML, ReadsErrors) {
  const auto error = parse_s3_error(
      "<?xml version=\"1.0\"?><Error><Code>AuthorizationHeaderMalformed</Code>"
      "<Message>the region is wrong</Message><Region>eu-west-1</Region></Error>");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(error->message, "the region is wrong");
  EXPECT_EQ(error->region, "eu-west-1");
  EXPECT_EQ(parse_s3_error("<ErrorResponse><Error><Type>Sender</Type><Code>X</Code></Error>"
                           "</ErrorResponse>")
                ->code,
            "X");
}

TEST(S3XML, WhatIsNoErrorIsNone) {
  for (const char* xml : {"", "<html><body>502</body></html>", "<Error/>", "<Error>", "{}",
                          "<ErrorResponse/>", "<Error><Code/></Error>"}) {
    EXPECT_EQ(parse_s3_error(xml), std::nullopt) << xml;
  }
}

TEST(S3XML, ReadsWhatWasNotRemoved) {
  EXPECT_TRUE(parse_s3_delete("<DeleteResult/>").empty());
  const auto errors = parse_s3_delete(
      "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code>"
      "<Message>no</Message></Error></DeleteResult>");
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].key, "b");
  EXPECT_EQ(errors[0].code, "AccessDenied");
  EXPECT_THROW(parse_s3_delete("<Result/>"), ValidationError);
  EXPECT_THROW(parse_s3_delete("<DeleteResult><Error/></DeleteResult>"), ValidationError);
}

TEST(S3XML, ACompletedUploadMayHaveFailed) {
  EXPECT_EQ(parse_s3_complete("<?xml version=\"1.0\"?>\n   \n<CompleteMultipartUploadResult>"
                              "<ETag>\"x-2\"</ETag></CompleteMultipartUploadResult>")
                .etag,
            "\"x-2\"");
  EXPECT_EQ(parse_s3_complete("<CompleteMultipartUploadResponse><ETag>x-2</ETag>"
                              "</CompleteMultipartUploadResponse>")
                .etag,
            "x-2");
  EXPECT_THROW(parse_s3_complete("<html><body>welcome</body></html>"), ValidationError);
  EXPECT_EQ(parse_s3_complete("<CompleteMultipartUploadResult><ETag></ETag>"
                              "</CompleteMultipartUploadResult>")
                .etag,
            "")
      << "Ceph 16 does not tell it";
  const auto failed = parse_s3_complete("<Error><Code>InternalError</Code></Error>");
  ASSERT_TRUE(failed.error);
  EXPECT_EQ(failed.error->code, "InternalError");
  for (const char* xml : {"", "   ", "<Result/>", "<Error/>"}) {
    EXPECT_THROW(parse_s3_complete(xml), ValidationError) << xml;
  }
}

TEST(S3XML, AnUploadWithoutAnIdIsNone) {
  EXPECT_EQ(parse_s3_upload_id("<InitiateMultipartUploadResult><UploadId>u/+=</UploadId>"
                               "</InitiateMultipartUploadResult>"),
            "u/+=");
  expect_error<ValidationError>([] { parse_s3_upload_id("<InitiateMultipartUploadResult/>"); },
                                {"UploadId"});
}

TEST(S3XML, ReadsTheTokenServicesAnswer) {
  const std::string begin =
      "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>";
  const std::string end =
      "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
  const std::string keys =
      "<SessionToken>SESSION</SessionToken><SecretAccessKey>SECRET</SecretAccessKey>"
      "<AccessKeyId>KEY</AccessKeyId>";
  const auto good =
      parse_sts_credentials(begin + keys + "<Expiration>2013-05-24T00:00:00Z</Expiration>" + end);
  EXPECT_EQ(good.access_key, "KEY");
  EXPECT_EQ(good.secret_key, "SECRET");
  EXPECT_EQ(good.session_token, "SESSION");
  EXPECT_EQ(good.expires_us, 1369353600'000'000);
  try {
    parse_sts_credentials(begin + keys + "<Expiration>SECRET</Expiration>" + end);
    FAIL();
  } catch (const ValidationError& error) {
    EXPECT_EQ(std::string(error.what()).find("SECRET"), std::string::npos) << error.what();
  }
}

TEST(S3XML, WritesKeysThatXMLWouldTakeForMarkup) {
  const std::vector<std::string> keys = {"a", "<b>&\"'"};
  EXPECT_NE(s3_delete_body(keys).find("<Object><Key>a</Key></Object>"
                                      "<Object><Key>&lt;b&gt;&amp;\"'</Key></Object></Delete>"),
            std::string::npos);
}

TEST(S3XML, NumbersThePartsFromOne) {
  const std::vector<std::string> etags = {"\"x\"", "y"};
  EXPECT_NE(s3_complete_body(etags).find("<Part><PartNumber>1</PartNumber><ETag>\"x\"</ETag></Part>"
                                         "<Part><PartNumber>2</PartNumber><ETag>y</ETag></Part>"),
            std::string::npos);
}

}  // namespace
}  // namespace protobase::cloud
