#include "bare_put.h"

#include <curl/curl.h>

#include <ctime>
#include <stdexcept>

#include "cloud/sigv4.h"
#include "os/net/crypto.h"

namespace protobase::cloud_bench {
namespace {

std::size_t take_part(char* out, std::size_t size, std::size_t count, void* context) {
  auto& rest = *static_cast<std::span<const std::byte>*>(context);
  const std::size_t step = std::min(size * count, rest.size());
  if (step > 0) std::memcpy(out, rest.data(), step);
  rest = rest.subspan(step);
  return step;
}

std::size_t drop_answer(char*, std::size_t size, std::size_t count, void*) { return size * count; }

}  // namespace

class BarePut::Connection final {
 public:
  Connection() : handle_(curl_easy_init()) {
    if (handle_ == nullptr) throw std::runtime_error("libcurl does not start");
    curl_easy_setopt(handle_, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle_, CURLOPT_READFUNCTION, take_part);
    curl_easy_setopt(handle_, CURLOPT_WRITEFUNCTION, drop_answer);
  }
  ~Connection() { curl_easy_cleanup(handle_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  long put(const std::string& url, const os::HTTPHeaders& headers,
           std::span<const std::byte> body) {
    curl_slist* list = curl_slist_append(nullptr, "Expect:");
    for (const auto& [name, value] : headers) {
      list = curl_slist_append(list, (name + ": " + value).c_str());
    }
    std::span<const std::byte> rest = body;
    curl_easy_setopt(handle_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(handle_, CURLOPT_READDATA, &rest);
    curl_easy_setopt(handle_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body.size()));
    const CURLcode code = curl_easy_perform(handle_);
    curl_slist_free_all(list);
    if (code != CURLE_OK) throw std::runtime_error(url + ": " + curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
    return status;
  }

 private:
  CURL* const handle_;
};

BarePut::BarePut(const Run& run) : run_(run), connection_(std::make_unique<Connection>()) {}
BarePut::~BarePut() = default;

void BarePut::put(const std::string& key, std::span<const std::byte> body, bool if_absent) {
  send("/" + run_.bucket + "/" + key, body, if_absent);
}

void BarePut::make_bucket() { send("/" + run_.bucket, {}, false); }

void BarePut::send(const std::string& path, std::span<const std::byte> body, bool if_absent) {
  cloud::RequestToSign request;
  request.method = "PUT";
  request.host = run_.endpoint.substr(run_.endpoint.find("://") + 3);
  request.path = path;
  if (if_absent) request.headers.emplace_back("If-None-Match", "*");
  request.payload_sha256 = os::to_hex(os::sha256(body));
  os::HTTPHeaders headers = cloud::sign_v4(request, {run_.access_key, run_.secret_key, {}},
                                           {kRegion, "s3"}, std::time(nullptr));
  headers.insert(headers.end(), request.headers.begin(), request.headers.end());
  const long status = connection_->put(run_.endpoint + path, headers, body);
  if (status != 200) {
    throw std::runtime_error("PUT " + path + ": status " + std::to_string(status));
  }
}

}  // namespace protobase::cloud_bench
