#include "cloud/s3_xml.h"

#include <pugixml.hpp>

#include "base/ascii.h"
#include "base/utf8.h"
#include "cloud/content_range.h"
#include "cloud/http_date.h"
#include "cloud/url.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

// Keys have at most 1,024 bytes, tokens some thousand; everything else is short.
constexpr std::size_t kMaxTextBytes = 16 << 10;

[[noreturn]] void throw_malformed(const std::string& what) {
  throw ValidationError("the answer is no XML of S3: " + what);
}

pugi::xml_document parse(std::string_view xml) {
  pugi::xml_document document;
  // No DOCTYPE and so no entities of its own: the parser skips it.
  const auto result =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!result) {
    throw_malformed(std::string(result.description()) + " at byte " +
                    std::to_string(result.offset));
  }
  return document;
}

pugi::xml_node root_of(const pugi::xml_document& document, const char* name) {
  const pugi::xml_node root = document.document_element();
  if (std::string_view(root.name()) != name) throw_malformed(std::string("no ") + name);
  return root;
}

/// The text of a child; nullopt when there is no such child.
std::optional<std::string> find_text(const pugi::xml_node& node, const char* name) {
  const pugi::xml_node child = node.child(name);
  if (!child) return std::nullopt;
  const std::string_view text = child.child_value();
  if (text.size() > kMaxTextBytes) throw_malformed(std::string(name) + " is too long");
  if (base::find_invalid_utf8(text)) throw_malformed(std::string(name) + " is no UTF-8");
  return std::string(text);
}

/// The text of a child that must be there and not be empty.
std::string required_text(const pugi::xml_node& node, const char* name) {
  auto text = find_text(node, name);
  if (!text || text->empty()) throw_malformed(std::string("no ") + name);
  return *std::move(text);
}

std::uint64_t required_number(const pugi::xml_node& node, const char* name) {
  const auto value = parse_size(required_text(node, name));
  if (!value) throw_malformed(std::string(name) + " is no number");
  return *value;
}

std::int64_t required_time_us(const pugi::xml_node& node, const char* name) {
  const auto time = parse_iso_time_us(required_text(node, name));
  if (!time) throw_malformed(std::string(name) + " is no time");
  return *time;
}

bool required_bool(const pugi::xml_node& node, const char* name) {
  const std::string text = required_text(node, name);
  if (text != "true" && text != "false") throw_malformed(std::string(name) + " is no bool");
  return text == "true";
}

S3Error error_of(const pugi::xml_node& node) {
  S3Error error;
  error.code = required_text(node, "Code");
  error.message = find_text(node, "Message").value_or("");
  error.region = find_text(node, "Region").value_or("");
  error.key = find_text(node, "Key").value_or("");
  return error;
}

CloudObjectMetadata object_of(const pugi::xml_node& node, bool is_encoded) {
  CloudObjectMetadata object;
  object.key = required_text(node, "Key");
  if (is_encoded) {
    auto key = percent_decode(object.key, true);
    if (!key || base::find_invalid_utf8(*key)) throw_malformed("a Key is badly encoded");
    object.key = *std::move(key);
  }
  object.size = required_number(node, "Size");
  object.version = find_text(node, "ETag").value_or("");  // some leave it out here
  object.last_modified_us = required_time_us(node, "LastModified");
  return object;
}

void append_escaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;
    }
  }
}

}  // namespace

std::optional<S3Error> parse_s3_error(std::string_view xml) {
  try {
    const pugi::xml_document document = parse(xml);
    pugi::xml_node root = document.document_element();
    if (std::string_view(root.name()) == "ErrorResponse")
      root = root.child("Error");  // the token service
    if (std::string_view(root.name()) != "Error") return std::nullopt;
    return error_of(root);
  } catch (const ValidationError&) {
    return std::nullopt;  // a page of something else on the way: the status has to do
  }
}

bool is_foreign_page(std::string_view body) {
  constexpr std::size_t kBeginning = 512;  // behind a declaration and comments
  const std::string begin = base::lower_case(base::trimmed(body.substr(0, kBeginning)));
  if (begin.empty()) return false;
  return begin[0] != '<' || begin.find("<!doctype html") != begin.npos ||
         begin.find("<html") != begin.npos;
}

bool is_list_of_buckets(std::string_view xml) {
  try {
    const pugi::xml_document document = parse(xml);
    return std::string_view(document.document_element().name()) == "ListAllMyBucketsResult";
  } catch (const ValidationError&) {
    return false;
  }
}

S3ListAnswer parse_s3_list(std::string_view xml) {
  const pugi::xml_document document = parse(xml);
  const pugi::xml_node root = root_of(document, "ListBucketResult");
  const std::string encoding = find_text(root, "EncodingType").value_or("");
  if (!encoding.empty() && encoding != "url") throw_malformed("EncodingType " + encoding);
  S3ListAnswer answer;
  for (const auto& node : root.children("Contents")) {
    answer.objects.push_back(object_of(node, !encoding.empty()));
  }
  answer.is_truncated = required_bool(root, "IsTruncated");
  return answer;
}

std::vector<S3Error> parse_s3_delete(std::string_view xml) {
  const pugi::xml_document document = parse(xml);
  std::vector<S3Error> errors;
  for (const auto& node : root_of(document, "DeleteResult").children("Error")) {
    errors.push_back(error_of(node));
  }
  return errors;
}

std::string parse_s3_upload_id(std::string_view xml) {
  const pugi::xml_document document = parse(xml);
  return required_text(root_of(document, "InitiateMultipartUploadResult"), "UploadId");
}

S3CompleteAnswer parse_s3_complete(std::string_view xml) {
  const pugi::xml_document document = parse(xml);
  const pugi::xml_node root = document.document_element();
  if (std::string_view(root.name()) == "Error") return {"", error_of(root)};
  // Others call it CompleteMultipartUploadResponse, or name nothing but what they mean by it.
  const std::string etag = find_text(root, "ETag").value_or("");
  if (etag.empty()) root_of(document, "CompleteMultipartUploadResult");
  return {etag};
}

STSCredentials parse_sts_credentials(std::string_view xml) {
  const pugi::xml_document document = parse(xml);
  const pugi::xml_node node = root_of(document, "AssumeRoleWithWebIdentityResponse")
                                  .child("AssumeRoleWithWebIdentityResult")
                                  .child("Credentials");
  return {required_text(node, "AccessKeyId"), required_text(node, "SecretAccessKey"),
          required_text(node, "SessionToken"), required_time_us(node, "Expiration")};
}

std::string s3_delete_body(std::span<const std::string> keys) {
  std::string body =
      "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>";
  for (const std::string& key : keys) {
    body += "<Object><Key>";
    append_escaped(key, body);
    body += "</Key></Object>";
  }
  return body + "</Delete>";
}

std::string s3_complete_body(std::span<const std::string> etags) {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (std::size_t i = 0; i < etags.size(); ++i) {
    body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>";
    append_escaped(etags[i], body);
    body += "</ETag></Part>";
  }
  return body + "</CompleteMultipartUpload>";
}

}  // namespace protobase::cloud
