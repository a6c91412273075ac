// The client against a server on loopback that answers rightly, wrongly, late and not at all.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "os/net/http.h"
#include "protobase/shared_bytes.h"
#include "testing/expect_error.h"
#include "testing/loopback_http_server.h"

namespace protobase::os {
namespace {

using protobase::testing::expect_error;
using Server = protobase::testing::LoopbackHTTPServer;

std::string text(const HTTPResponse& response) {
  return {reinterpret_cast<const char*>(response.body.data()), response.body.size()};
}

HTTPRequest get(const Server& server, const std::string& target) {
  HTTPRequest request;
  request.url = server.url() + target;
  return request;
}

/// The HTTPError of a request that must fail.
HTTPError failure_of(HTTPClient& client, const HTTPRequest& request) {
  try {
    client.perform(request);
  } catch (const HTTPError& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {false, ""};
}

TEST(CurlHTTPClient, GivesStatusHeadersAndBody) {
  Server server([](const Server::Request&) {
    return Server::reply(404, "<not here>", "X-Thing:  one two \r\nETag: \"abc\"\r\n");
  });
  const auto response = curl_http_client()->perform(get(server, "/x"));
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(text(response), "<not here>");
  EXPECT_EQ(response.header("x-thing"), "one two");
  EXPECT_EQ(response.header("etag"), "\"abc\"");
  EXPECT_EQ(response.header("other"), "");
}

TEST(CurlHTTPClient, SendsTheURLAsItStands) {
  Server server([](const Server::Request& request) { return Server::reply(200, request.target); });
  const auto client = curl_http_client();
  for (const std::string target :
       {"/a//b", "/a/../b", "/./x/", "/..", "/%2e%2E/%20+~", "/a?b=c%2Fd&b=&e", "/%C3%A4%25"}) {
    EXPECT_EQ(text(client->perform(get(server, target))), target);
  }
}

TEST(CurlHTTPClient, SendsTheHeadersGivenAndNoneOfItsOwn) {
  Server server([](const Server::Request& request) {
    std::string names;
    for (const auto& [name, value] : request.headers) names += name + "=" + value + ";";
    return Server::reply(200, names);
  });
  HTTPRequest request = get(server, "/");
  request.method = "POST";
  request.headers = {{"X-One", "1"}, {"X-Empty", ""}, {"x-two", "a  b"}};
  const auto response = curl_http_client()->perform(request);
  EXPECT_EQ(text(response),
            "host=" + server.url().substr(7) + ";x-one=1;x-empty=;x-two=a  b;content-length=0;");
}

TEST(CurlHTTPClient, SendsABodyInPartsAsOne) {
  Server server([](const Server::Request& request) {
    return Server::reply(200, request.method + std::to_string(request.body.size()) + request.body);
  });
  const std::string large(3'000'000, 'x');
  HTTPRequest request = get(server, "/");
  request.method = "PUT";
  request.body = {as_bytes("one"), {}, as_bytes(large), as_bytes("two"), {}};
  request.max_response_bytes = 4'000'000;
  EXPECT_EQ(text(curl_http_client()->perform(request)), "PUT3000006one" + large + "two");
}

TEST(CurlHTTPClient, ABodyOfAnySizeAndMethodArrivesWhole) {
  Server server([](const Server::Request& request) {
    return Server::reply(200, request.method + ' ' + request.header("content-type") + ' ' +
                                  std::to_string(request.count("content-type")) + ' ' +
                                  std::to_string(request.body.size()) + request.body);
  });
  const auto client = curl_http_client();
  std::string bytes(70'000, 'x');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31);
  // Around what goes out with the headers, and around what libcurl would send so.
  for (const std::size_t size : {0, 1, 568, 32767, 32768, 32769, 65535, 65536, 65537, 70000}) {
    const std::string body = bytes.substr(0, size);
    for (const std::string method : {"PUT", "POST", "DELETE"}) {
      HTTPRequest request = get(server, "/");
      request.method = method;
      request.body = {as_bytes(body).first(size / 3), as_bytes(body).subspan(size / 3)};
      const std::string end = std::to_string(size) + body;
      EXPECT_EQ(text(client->perform(request)), method + "  0 " + end) << size;
      request.headers = {{"Content-Type", "a/b"}};
      EXPECT_EQ(text(client->perform(request)), method + " a/b 1 " + end) << size;
    }
  }
  EXPECT_EQ(server.connections(), 1u);
}

TEST(CurlHTTPClient, NothingOfOneRequestIsInTheNext) {
  Server server([](const Server::Request& request) {
    std::string all = request.method + ' ' + request.target + '\n';
    for (const auto& [name, value] : request.headers) {
      if (name != "host") all += name + '=' + value + '\n';
    }
    return Server::reply(request.method == "PUT" ? 500 : 200, all + request.body, "X-All: y\r\n");
  });
  const auto client = curl_http_client();
  const std::string large(100'000, 'l');
  const auto empty_get = [&] {
    const auto response = client->perform(get(server, "/get"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(text(response), "GET /get\n");
  };
  const auto expect = [&](const std::string& method, const HTTPHeaders& headers,
                          const std::string& body, const std::string& seen) {
    HTTPRequest request = get(server, "/" + method);
    request.method = method;
    request.headers = headers;
    if (!body.empty()) request.body = {as_bytes(body)};
    request.max_response_bytes = seen.size();  // no more than that
    const auto response = client->perform(request);
    EXPECT_EQ(response.status, method == "PUT" ? 500 : 200);
    EXPECT_EQ(text(response), method == "HEAD" ? "" : seen);
    EXPECT_EQ(response.headers.size(), 2u);
  };
  for (int round = 0; round < 2; ++round) {
    expect("PUT", {{"If-None-Match", "*"}, {"Content-Type", "a/b"}}, "small",
           "PUT /PUT\nif-none-match=*\ncontent-type=a/b\ncontent-length=5\nsmall");
    empty_get();
    expect("PUT", {{"Content-Type", "c/d"}}, large,
           "PUT /PUT\ncontent-type=c/d\ncontent-length=100000\n" + large);
    empty_get();
    expect("POST", {}, "", "POST /POST\ncontent-length=0\n");
    expect("GET", {{"Range", "bytes=1-2"}}, "", "GET /GET\nrange=bytes=1-2\n");
    expect("DELETE", {}, "", "DELETE /DELETE\n");
    expect("PUT", {}, "", "PUT /PUT\ncontent-length=0\n");
    expect("HEAD", {{"X-Head", "1"}}, "", "whatever the length");
    empty_get();
  }
  EXPECT_EQ(server.connections(), 1u);
}

TEST(CurlHTTPClient, AHeadHasLengthButNoBody) {
  Server server([](const Server::Request& request) {
    return Server::Reply{request.method == "HEAD"
                             ? "HTTP/1.1 200 OK\r\nContent-Length: 123456789\r\n\r\n"
                             : "HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n",
                         false};
  });
  HTTPRequest request = get(server, "/");
  request.method = "HEAD";
  const auto response = curl_http_client()->perform(request);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("content-length"), "123456789");
  EXPECT_TRUE(response.body.empty());
}

TEST(CurlHTTPClient, OneRequestAfterTheOtherUsesOneConnection) {
  Server server([](const Server::Request&) { return Server::reply(200, "x"); });
  const auto client = curl_http_client();
  for (int i = 0; i < 20; ++i) client->perform(get(server, "/"));
  EXPECT_EQ(server.connections(), 1u);
}

TEST(CurlHTTPClient, RequestsOfSeveralThreadsRunAtTheSameTime) {
  constexpr int kThreads = 6;
  std::mutex mutex;
  std::condition_variable all_there;
  int waiting = 0;
  Server server([&](const Server::Request&) {
    std::unique_lock lock(mutex);
    ++waiting;
    all_there.notify_all();
    all_there.wait(lock, [&] { return waiting >= kThreads; });
    return Server::reply(200, "x");
  });
  const auto client = curl_http_client({.ca_file = {}, .max_idle_connections = 2});
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] { EXPECT_EQ(client->perform(get(server, "/")).status, 200); });
    }
  }
  EXPECT_EQ(server.connections(), std::size_t{kThreads});
  for (int i = 0; i < 10; ++i) client->perform(get(server, "/"));
  EXPECT_EQ(server.connections(), std::size_t{kThreads}) << "the kept ones do";
}

TEST(CurlHTTPClient, ABodySentApartFromItsHeadersDoesNotWaitForADelayedAcknowledgement) {
  Server server([](const Server::Request& request) {
    if (request.method == "PUT") return Server::reply(200);
    return Server::Reply{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", false, "body"};
  });
  const auto client = curl_http_client();
  HTTPRequest put = get(server, "/");
  put.method = "PUT";
  constexpr int kRequests = 41;
  std::vector<std::chrono::steady_clock::duration> times;
  for (int i = 0; i < kRequests; ++i) {
    // Their answers have no body, so nothing is acknowledged at once.
    for (int puts = 0; puts < i % 3; ++puts) client->perform(put);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(text(client->perform(get(server, "/"))), "body");
    times.push_back(std::chrono::steady_clock::now() - start);
  }
  std::sort(times.begin(), times.end());
  EXPECT_LT(times[kRequests / 2], std::chrono::milliseconds(30)) << "Linux delays by 40 ms";
}

TEST(CurlHTTPClient, ServersDoNotTakeEachOthersConnections) {
  const auto answer = [](const Server::Request&) { return Server::reply(200, "x"); };
  Server one(answer), two(answer);
  const auto client = curl_http_client();
  for (int i = 0; i < 5; ++i) {
    client->perform(get(one, "/"));
    client->perform(get(two, "/"));
  }
  EXPECT_EQ(one.connections(), 1u);
  EXPECT_EQ(two.connections(), 1u);
}

TEST(CurlHTTPClient, ADeadConnectionDoesNotMakeItSendTwice) {
  std::atomic<int> unanswered{0};
  Server server([&](const Server::Request& request) -> Server::Reply {
    if (request.target == "/") return Server::reply(200, "x");
    ++unanswered;
    return {"", true};
  });
  const auto client = curl_http_client();
  int sent = 0;
  for (const std::string method : {"GET", "HEAD", "DELETE", "POST", "PUT"}) {
    EXPECT_EQ(client->perform(get(server, "/")).status, 200);
    HTTPRequest request = get(server, "/dies");  // on the connection kept from before
    request.method = method;
    EXPECT_TRUE(failure_of(*client, request).was_sent());
    EXPECT_EQ(unanswered, ++sent) << method;
    if (method != "PUT" && method != "POST") continue;
    for (const std::size_t size : {100, 100'000}) {
      EXPECT_EQ(client->perform(get(server, "/")).status, 200);
      const std::string body(size, 'x');
      request.body = {as_bytes(body)};
      EXPECT_TRUE(failure_of(*client, request).was_sent());
      EXPECT_EQ(unanswered, ++sent) << method << size;
    }
  }
}

TEST(CurlHTTPClient, ATooLongAnswerIsAnErrorAndNotRead) {
  Server server([](const Server::Request&) { return Server::reply(200, std::string(2000, 'x')); });
  const auto client = curl_http_client();
  HTTPRequest request = get(server, "/a?secret=1");
  request.max_response_bytes = 2000;
  EXPECT_EQ(client->perform(request).body.size(), 2000u);
  request.max_response_bytes = 1999;
  expect_error<HTTPTooLargeError>([&] { client->perform(request); }, {"GET", "/a", "1999"});
}

TEST(CurlHTTPClient, AnEndlessAnswerIsCutToo) {
  Server server([](const Server::Request&) {
    return Server::Reply{"HTTP/1.1 200 OK\r\n\r\n" + std::string(1 << 20, 'x'), true};
  });
  HTTPRequest request = get(server, "/");
  request.max_response_bytes = 1000;
  expect_error<HTTPTooLargeError>([&] { curl_http_client()->perform(request); });
}

TEST(CurlHTTPClient, TooManyHeadersAreAnError) {
  Server server([](const Server::Request&) {
    std::string headers;
    for (int i = 0; i < 100; ++i)
      headers += "X-H" + std::to_string(i) + ": " + std::string(4000, 'x') + "\r\n";
    return Server::reply(200, "x", headers);
  });
  EXPECT_TRUE(failure_of(*curl_http_client(), get(server, "/")).was_sent());
}

TEST(CurlHTTPClient, AShortBodyIsAnError) {
  Server server([](const Server::Request&) {
    return Server::Reply{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", true};
  });
  EXPECT_TRUE(failure_of(*curl_http_client(), get(server, "/")).was_sent());
}

TEST(CurlHTTPClient, WhatIsNoHTTPIsAnError) {
  Server server([](const Server::Request&) { return Server::Reply{"hello\r\n\r\n", true}; });
  EXPECT_TRUE(failure_of(*curl_http_client(), get(server, "/")).was_sent());
  expect_error<HTTPForeignError>([&] { curl_http_client()->perform(get(server, "/")); },
                                 {"HTTP/0.9"});
}

TEST(CurlHTTPClient, WhatComesBehindAnEarlierAnswerIsNoForeignProtocol) {
  Server server([](const Server::Request& request) {
    return request.target == "/" ? Server::reply(200) : Server::Reply{"junk\r\n\r\n", true};
  });
  const auto client = curl_http_client();
  client->perform(get(server, "/"));
  try {
    client->perform(get(server, "/again"));
    ADD_FAILURE() << "no error";
  } catch (const HTTPForeignError& error) {
    ADD_FAILURE() << error.what();
  } catch (const HTTPError& error) {
    EXPECT_TRUE(error.was_sent()) << error.what();
  }
}

TEST(CurlHTTPClient, ARedirectIsAnAnswerLikeOthers) {
  std::atomic<int> requests{0};
  Server server([&](const Server::Request&) {
    ++requests;
    return Server::reply(301, "", "Location: /elsewhere\r\n");
  });
  EXPECT_EQ(curl_http_client()->perform(get(server, "/")).header("location"), "/elsewhere");
  EXPECT_EQ(requests, 1);
}

TEST(CurlHTTPClient, AnAnswerThatTakesTooLongIsGivenUp) {
  std::mutex mutex;
  std::condition_variable released;
  bool release = false;
  Server server([&](const Server::Request&) {
    std::unique_lock lock(mutex);
    released.wait(lock, [&] { return release; });
    return Server::reply(200, "x");
  });
  HTTPRequest request = get(server, "/slow");
  request.timeout_ms = 50;
  const HTTPError error = failure_of(*curl_http_client(), request);
  EXPECT_TRUE(error.was_sent());
  EXPECT_NE(std::string(error.what()).find("/slow"), std::string::npos);
  const std::lock_guard lock(mutex);
  release = true;
  released.notify_all();
}

/// Pieces of an answer, one each 100 ms.
Server::Reply slow_reply(std::size_t pieces, std::size_t piece_size) {
  Server::Reply reply;
  reply.bytes =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(pieces * piece_size) + "\r\n\r\n";
  reply.late_pieces.assign(pieces, std::string(piece_size, 'x'));
  reply.pause_ms = 100;
  return reply;
}

TEST(CurlHTTPClient, WhoSendsNothingOrNextToNothingIsGivenUp) {
  for (const auto& reply : {Server::Reply{}, slow_reply(600, 1)}) {
    Server server([&](const Server::Request&) { return reply; });
    HTTPRequest request = get(server, "/stalled");
    request.stall_timeout_ms = 1000;
    const auto begin = std::chrono::steady_clock::now();
    const HTTPError error = failure_of(*curl_http_client(), request);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
    EXPECT_TRUE(error.was_sent());
    EXPECT_NE(std::string(error.what()).find("1024 bytes/sec"), std::string::npos) << error.what();
  }
}

TEST(CurlHTTPClient, AnAnswerThatTakesLongButGoesOnIsTaken) {
  Server server([](const Server::Request&) { return slow_reply(30, 1000); });
  HTTPRequest request = get(server, "/slow");
  request.stall_timeout_ms = 1000;
  EXPECT_EQ(curl_http_client()->perform(request).body.size(), 30'000u);
}

TEST(CurlHTTPClient, WithoutAConnectionNothingWasSent) {
  std::string url;
  {
    Server server([](const Server::Request&) { return Server::reply(200); });
    url = server.url();
  }  // nobody listens there any more
  const auto client = curl_http_client();
  HTTPRequest request;
  request.url = url + "/";
  EXPECT_FALSE(failure_of(*client, request).was_sent());
  request.url = "http://no-such-host.invalid/";
  EXPECT_FALSE(failure_of(*client, request).was_sent());
}

TEST(CurlHTTPClient, WithoutTLSNothingWasSent) {
  Server server([](const Server::Request&) { return Server::Reply{"what?\r\n\r\n", true}; });
  HTTPRequest request = get(server, "/");
  request.url.replace(0, 4, "https");
  request.timeout_ms = 200;
  EXPECT_FALSE(failure_of(*curl_http_client(), request).was_sent());
}

TEST(CurlHTTPClient, AServerWithoutTLSIsForeign) {
  Server server([](const Server::Request&) { return Server::Reply{}; }, "HTTP/1.1 400 no\r\n\r\n");
  HTTPRequest request = get(server, "/");
  request.url.replace(0, 4, "https");
  expect_error<HTTPForeignError>([&] { curl_http_client()->perform(request); }, {"127.0.0.1"});
}

TEST(CurlHTTPClient, WithoutCertificatesNobodyIsTrusted) {
  Server server([](const Server::Request&) { return Server::reply(200); });
  HTTPRequest request = get(server, "/");
  request.url.replace(0, 4, "https");
  const auto client = curl_http_client({.ca_file = "/no/such/file"});
  expect_error<HTTPUntrustedError>([&] { client->perform(request); }, {"/no/such/file"});
}

TEST(CurlHTTPClient, RefusesWhatIsNoRequest) {
  const auto client = curl_http_client();
  HTTPRequest request;
  for (const std::string url : {"file:///etc/passwd", "ftp://x/", "x", ""}) {
    request.url = url;
    expect_error<ValidationError>([&] { client->perform(request); }, {"URL"});
  }
  request.url = "http://127.0.0.1:1/";
  request.headers = {{"X-A", "b\r\nX-Evil: 1"}};
  expect_error<ValidationError>([&] { client->perform(request); }, {"X-A"});
  request.headers = {{"X-A: 1\r\nX-B", "b"}};
  expect_error<ValidationError>([&] { client->perform(request); });
}

TEST(CurlHTTPClient, AnEarlyRefusalOfALargeBodyIsAnAnswerOrAnErrorButNoEndOfTheProcess) {
  Server server([](const Server::Request& request) {
    return request.method == "PUT" ? Server::Reply{"", true} : Server::reply(200);
  });
  const auto client = curl_http_client();
  client->perform(get(server, "/"));
  const std::string large(1 << 20, 'x');
  HTTPRequest request = get(server, "/");
  request.method = "PUT";
  request.body = {as_bytes(large)};
  EXPECT_TRUE(failure_of(*client, request).was_sent());
}

}  // namespace
}  // namespace protobase::os
