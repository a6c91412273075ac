#include "os/net/crypto.h"

#include <gtest/gtest.h>

#include <vector>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"

namespace protobase::os {
namespace {

// Made for this test with `openssl genrsa`; opens nothing.
constexpr const char* kRSAKey = R"(-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCaGIsM3paidysD
V4TxSa2tMTx/EWft0sWBdHsxlCNi0/fVOwlmlClKK5JrRk4yoMqlB0D9DRLqq+71
gpIQh7nu1TkWBSrB9nObj5uoN7bSTleqyNqYCbvkKHxmVNw4Hp4Fijxql8gXTtPm
Y9vBlC87mtlAV1XUiwxQKm0oylqnkN97bgcUB4TCcfo7LARlhJSy4Tj7fiPMvenE
/E+/Ste18UAM0HSxbLBsFHT/KKDjMfkmAIreh62uO3iekjq3Q23Sv5/hTyx9jsB1
Ll6h4JVL8aL7EPk5cGoZIB+hnr99GnEFkZlI4yajKpkfHrRghRa3gvG70B6G3Fui
n0chFivbAgMBAAECggEAMnbgLs5EiZ86LGWAiZ6F7Kant7tlDEsO2Gbjo2husEJX
svKbEQdrgDlFwbDsEgN7adE21Mhvzf+RicCBgj1YxGD6yX3Ws1+5G5RLtyrLyhLS
/gC6KbliWYVyu/aFijFoscrEH2pmok9z8Mr6IGqdj0kWZc5UMv94gFZsmkOurZov
PZIA51o1C4Hnx5rDc7CkqY/1/c0LBnYRjtzObMEavsVP0516mIcFKUgEu3ph7Lll
XCkL8LlmJz3WRAXj59YOzk/mC1Q89+2fY7B13bneqe2NaqsjSooh8EZzcUhn3px9
Txak84earm0ziWTyQ1s0T4k1d41I4Hg6+qbonlo9JQKBgQDXDbz5IpxShU5hz2DY
7ediZmopcp9m7kqnHcYsL8mKHsBivH7ciyyB/YbSi/g7pMsuMkW7VjAdf5owz8le
4JxXtDhU/Ht0MU31brTpcqqpS+5YEzEbPiWWdGAP/gYFKxBEu6b0TKGCe9W9Y7eD
JTFxxqCllLV2Qtrt/COhLLx1nQKBgQC3b5E8x3kuy4ugRoA7myhfIHZHXY9UpNmQ
kPY591eP07lDc8Oy7V2g+gjatp2MOnq8KrrW2+XnpBO3LdpmPunyJYibOAIMwanC
fLv13vtHvre1Rmtc7Ucu3MOwxMaI3iCTBxqKPcBOR3puaCW7E9cXqNP44DbeCfzR
n9o9ATpp1wKBgA/ZZVn/IQI77ODshbi3H9xyq9ROLE1LtpjGavqKsxHI3mjod3kN
kMQrySnvQuYyaP8ImXcLDRS/eL+sMK0bZKpaD+TDjt2rXJGADTk/SDCd9fzrvSzC
0cZa4VGMaSksWVCXe+B5XVXehowkszupHBHEj8ZkRVNn7faoJIAWafVJAoGAd7bt
T4BTWzHl/wTj3YLGV0blSnAKAdDQWKPyviPpVml0KExd9OEq0Ms9ihfSPFlSDonI
hD7hDUssvsjDFyWKIslSHRLxa4fclZw4Qx9yWQFj/X9mxC/q2++iGzRg6aQmGC5z
qLLiVXQauAFqVmx9XOiG5o7V4BUelWRA1r19dOMCgYEAn3i8sSPQ9+qAoiVx1a8U
+ZbHEkLlJQImO6xLlzI8QA78d/kVaOdlbNERVaD3BydeDx3fVUlWvV1ErtRViZ1r
qsXtBW3UNjumenSiR+rdMAr1pyoTX80tPQcHhrFcv2O96jI3l+R1LfKcb9vVxbXe
+ty2n8S3ifJ8RWUusxwERAU=
-----END PRIVATE KEY-----
)";
constexpr const char* kRSAKeyPKCS1 = R"(-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAmhiLDN6WoncrA1eE8UmtrTE8fxFn7dLFgXR7MZQjYtP31TsJ
ZpQpSiuSa0ZOMqDKpQdA/Q0S6qvu9YKSEIe57tU5FgUqwfZzm4+bqDe20k5Xqsja
mAm75Ch8ZlTcOB6eBYo8apfIF07T5mPbwZQvO5rZQFdV1IsMUCptKMpap5Dfe24H
FAeEwnH6OywEZYSUsuE4+34jzL3pxPxPv0rXtfFADNB0sWywbBR0/yig4zH5JgCK
3oetrjt4npI6t0Nt0r+f4U8sfY7AdS5eoeCVS/Gi+xD5OXBqGSAfoZ6/fRpxBZGZ
SOMmoyqZHx60YIUWt4Lxu9Aehtxbop9HIRYr2wIDAQABAoIBADJ24C7ORImfOixl
gImeheymp7e7ZQxLDthm46NobrBCV7LymxEHa4A5RcGw7BIDe2nRNtTIb83/kYnA
gYI9WMRg+sl91rNfuRuUS7cqy8oS0v4Auim5YlmFcrv2hYoxaLHKxB9qZqJPc/DK
+iBqnY9JFmXOVDL/eIBWbJpDrq2aLz2SAOdaNQuB58eaw3OwpKmP9f3NCwZ2EY7c
zmzBGr7FT9OdepiHBSlIBLt6Yey5ZVwpC/C5Zic91kQF4+fWDs5P5gtUPPftn2Ow
dd253qntjWqrI0qKIfBGc3FIZ96cfU8WpPOHmq5tM4lk8kNbNE+JNXeNSOB4Ovqm
6J5aPSUCgYEA1w28+SKcUoVOYc9g2O3nYmZqKXKfZu5Kpx3GLC/Jih7AYrx+3Iss
gf2G0ov4O6TLLjJFu1YwHX+aMM/JXuCcV7Q4VPx7dDFN9W606XKqqUvuWBMxGz4l
lnRgD/4GBSsQRLum9EyhgnvVvWO3gyUxccagpZS1dkLa7fwjoSy8dZ0CgYEAt2+R
PMd5LsuLoEaAO5soXyB2R12PVKTZkJD2OfdXj9O5Q3PDsu1doPoI2radjDp6vCq6
1tvl56QTty3aZj7p8iWImzgCDMGpwny79d77R763tUZrXO1HLtzDsMTGiN4gkwca
ij3ATkd6bmgluxPXF6jT+OA23gn80Z/aPQE6adcCgYAP2WVZ/yECO+zg7IW4tx/c
cqvUTixNS7aYxmr6irMRyN5o6Hd5DZDEK8kp70LmMmj/CJl3Cw0Uv3i/rDCtG2Sq
Wg/kw47dq1yRgA05P0gwnfX8670swtHGWuFRjGkpLFlQl3vgeV1V3oaMJLM7qRwR
xI/GZEVTZ+32qCSAFmn1SQKBgHe27U+AU1sx5f8E492CxldG5UpwCgHQ0Fij8r4j
6VZpdChMXfThKtDLPYoX0jxZUg6JyIQ+4Q1LLL7IwxcliiLJUh0S8WuH3JWcOEMf
clkBY/1/ZsQv6tvvohs0YOmkJhguc6iy4lV0GrgBalZsfVzohuaO1eAVHpVkQNa9
fXTjAoGBAJ94vLEj0PfqgKIlcdWvFPmWxxJC5SUCJjusS5cyPEAO/Hf5FWjnZWzR
EVWg9wcnXg8d31VJVr1dRK7UVYmda6rF7QVt1DY7pnp0okfq3TAK9acqE1/NLT0H
B4axXL9jveoyN5fkdS3ynG/b1cW13vrctp/Et4nyfEVlLrMcBEQF
-----END RSA PRIVATE KEY-----
)";
constexpr const char* kECKey = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgi8/uHQi+sK1LEDrO
HzLzXmFfPKnEul7sKFkt2/0ndcWhRANCAARX8Gic/FW7APQnHhUb+jzAls+gcg4n
CDJQXzicq9GJtaT0TgrLCoXK3HgWFwrI59cGB1irUMkiJke6UkmVy5la
-----END PRIVATE KEY-----
)";
// `openssl dgst -sha256 -sign` of "header.claims" with the RSA key.
constexpr const char* kSignature =
    "605ac6c44ecb44fa359becb7f6866944d9f8b6531b2e8ab4104b01169ae221e7acc497dc6a8a7d9b"
    "ae63d6ba20e7e6a9d69304700775c400ce3b71de0615f10af97517c3e9d42a935f30e25771b56a7f"
    "09f82bc32ca09c1b81becc8a2c3ec59df96bff7ce4e6eb203db9dc476b93cf9a759a2881f03e427b"
    "09f614a12d4db034f911e891bb66568e3e81b98bec7bea6e73537d0bfdcfdebea016ecb6325f9a40"
    "7bcac12ddadd14e3d68fc785ad9ffa539e8ab1ce3474f23c8567fa4ce79dfa9f2d2ce96dfa189646"
    "daf6fbc252dc570e41572c67e7dbac8dad4c1a9aa74afc10064c49fd9dad572c7fe7a98dbe9878a8"
    "5b142932f96457522b6fe45fca3cb88f";

template <typename Digest>
std::string hex(const Digest& digest) {
  return to_hex(digest);
}

std::vector<std::span<const std::byte>> cut(std::string_view text, std::size_t step) {
  std::vector<std::span<const std::byte>> parts;
  for (std::size_t at = 0; at < text.size(); at += step) {
    parts.push_back(as_bytes(text.substr(at, step)));
  }
  return parts;
}

TEST(Crypto, SHA256OfTheStandardsExamples) {
  EXPECT_EQ(hex(sha256(as_bytes(""))),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Crypto, ATextInPartsHasTheDigestOfTheWhole) {
  const std::string text(1000, 'x');
  for (const std::size_t step : {1, 7, 64, 999, 1000}) {
    EXPECT_EQ(sha256(cut(text, step)), sha256(as_bytes(text))) << step;
    EXPECT_EQ(md5(cut(text, step)), md5(cut(text, 1000))) << step;
  }
}

TEST(Crypto, MD5OfTheStandardsExamples) {
  EXPECT_EQ(hex(md5({})), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex(md5(cut("message digest", 3))), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(Crypto, HMACOfRFC4231) {
  EXPECT_EQ(hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::string long_key(131, '\xaa');  // longer than a block: hashed first
  EXPECT_EQ(hex(hmac_sha256(as_bytes(long_key),
                            as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Crypto, AnRSASignatureIsTheOneOfTheOpenSSLProgram) {
  const std::string signature = rsa_sha256_sign(kRSAKey, "header.claims");
  EXPECT_EQ(to_hex(as_bytes(signature)), kSignature);
  EXPECT_EQ(rsa_sha256_sign(kRSAKeyPKCS1, "header.claims"), signature);
  EXPECT_NE(rsa_sha256_sign(kRSAKey, "header.claimt"), signature);
}

TEST(Crypto, WhatIsNoRSAKeyIsRefusedAndNotRepeated) {
  std::string cut_key(kRSAKey);
  cut_key.resize(cut_key.size() / 2);
  for (const std::string& key :
       {std::string(), std::string("SECRET"), cut_key, std::string(kECKey)}) {
    try {
      rsa_sha256_sign(key, "text");
      ADD_FAILURE() << "accepted";
    } catch (const ValidationError& error) {
      EXPECT_EQ(std::string(error.what()).find("SECRET"), std::string::npos);
      EXPECT_EQ(std::string(error.what()).find("MII"), std::string::npos);
    }
  }
}

TEST(Crypto, HexHasTwoDigitsForEveryByte) {
  EXPECT_EQ(to_hex(as_bytes(std::string_view("\x00\x0f\xf0\xff", 4))), "000ff0ff");
}

}  // namespace
}  // namespace protobase::os
