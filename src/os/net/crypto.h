// What signing requests needs: SHA-256, HMAC, MD5 as a checksum, RSA signatures. All of it is
// OpenSSL's; no key and no digest ever stands in an error.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace protobase::os {

using SHA256Digest = std::array<std::byte, 32>;
using MD5Digest = std::array<std::byte, 16>;

/// Parts of one text, one behind the other.
using ByteParts = std::span<const std::span<const std::byte>>;

/// Throws UnexpectedError when OpenSSL has no SHA-256 or no memory, as everything here does.
SHA256Digest sha256(ByteParts parts);
SHA256Digest sha256(std::span<const std::byte> bytes);

SHA256Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> text);

/// A checksum that protocols ask for, never a protection. UnexpectedError too where OpenSSL is
/// built or set up without MD5.
MD5Digest md5(ByteParts parts);

/// The signature (RSASSA-PKCS1-v1_5 over SHA-256, the RS256 of JSON Web Tokens) as raw bytes.
/// `pem` is a private RSA key, PKCS#8 or PKCS#1, not encrypted. ValidationError when it is none.
std::string rsa_sha256_sign(const std::string& pem, std::string_view text);

/// Digits and lower case letters, two for each byte.
std::string to_hex(std::span<const std::byte> bytes);

}  // namespace protobase::os
