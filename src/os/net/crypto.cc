// crypto.h on OpenSSL's EVP functions; the only file that knows OpenSSL.
#include "os/net/crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <climits>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"

namespace protobase::os {
namespace {

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* object) const noexcept {
    free(object);
  }
};
using Context = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, Free<BIO_free>>;

[[noreturn]] void throw_failed(const char* what) {
  throw UnexpectedError(std::string("OpenSSL cannot compute ") + what +
                        "; look at its configuration (FIPS?) and at the memory");
}

template <typename Digest>
Digest digest(const EVP_MD* kind, ByteParts parts, const char* what) {
  const Context context(EVP_MD_CTX_new());
  bool good = context && EVP_DigestInit_ex(context.get(), kind, nullptr) == 1;
  for (const auto part : parts) {
    good = good && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  Digest result{};
  good = good && static_cast<std::size_t>(EVP_MD_get_size(kind)) == result.size();
  good = good && EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(result.data()),
                                    nullptr) == 1;
  if (!good) throw_failed(what);
  return result;
}

/// Says that there is no password, where OpenSSL would ask on the terminal.
int no_password(char*, int, int, void*) { return -1; }

Key read_private_key(const std::string& pem) {
  if (pem.empty() || pem.size() > INT_MAX) return nullptr;
  const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!memory) return nullptr;
  return Key(PEM_read_bio_PrivateKey(memory.get(), nullptr, no_password, nullptr));
}

}  // namespace

SHA256Digest sha256(ByteParts parts) {
  return digest<SHA256Digest>(EVP_sha256(), parts, "SHA-256");
}

SHA256Digest sha256(std::span<const std::byte> bytes) { return sha256(ByteParts(&bytes, 1)); }

SHA256Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> text) {
  if (key.size() > INT_MAX) throw ValidationError("the key of an HMAC is too long");
  SHA256Digest result{};
  unsigned size = 0;
  const unsigned char* const code =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           reinterpret_cast<unsigned char*>(result.data()), &size);
  if (code == nullptr || size != result.size()) throw_failed("HMAC-SHA-256");
  return result;
}

MD5Digest md5(ByteParts parts) { return digest<MD5Digest>(EVP_md5(), parts, "MD5"); }

std::string rsa_sha256_sign(const std::string& pem, std::string_view text) {
  const Key key = read_private_key(pem);
  if (!key || EVP_PKEY_is_a(key.get(), "RSA") != 1) {
    throw ValidationError("the private key is no RSA key in PEM form without a password");
  }
  const Context context(EVP_MD_CTX_new());
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  bool good = context &&
              EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
              EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) == 1;
  std::string signature(size, '\0');
  good = good && EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                                &size, bytes, text.size()) == 1;
  if (!good) throw_failed("an RSA signature");
  signature.resize(size);
  return signature;
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const auto byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    text += kDigits[value >> 4];
    text += kDigits[value & 15];
  }
  return text;
}

}  // namespace protobase::os
