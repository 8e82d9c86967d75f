#pragma once

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include "vocabulary.hpp"

/// The wire: one msgpack request and its answer, sent again where that is safe and worth it.
namespace stepd {

using Millis = std::chrono::milliseconds;

/// The wait before attempt n + 1 is random in [0, min(cap, base · 2ⁿ⁻¹)].
struct Options {
  /// Sent as a bearer token.
  std::string api_key;
  /// Of one attempt.
  Millis timeout{60'000};
  /// In all, the first one included.
  int attempts = 8;
  Millis base{100};
  /// A longer `Retry-After` is honoured.
  Millis cap{10'000};
  /// For all attempts and waits together.
  Millis total{120'000};
};

/// The server refused. `code` is one of `stepd::code`; `unknown` where something else than stepd answered.
struct Refusal : std::runtime_error {
  long status;
  std::string code;
  /// The whole body (RFC 9457), with what the code adds: `current_step`, `path`, `nearest` …
  nlohmann::json problem;
  Millis retry_after;

  Refusal(long status, nlohmann::json problem, Millis retry_after)
      : std::runtime_error(problem.value("code", "unknown") + " (" + std::to_string(status) +
                           "): " + problem.value("detail", "")),
        status(status),
        code(problem.value("code", "unknown")),
        problem(std::move(problem)),
        retry_after(retry_after) {}
};

/// No whole answer arrived: the connection was refused, broke or timed out. The request may have been taken.
struct NoAnswer : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A connection to one server, kept open. Of one thread at a time.
class Transport {
 public:
  Transport(std::string address, Options options)
      : base_(std::move(address)), options_(std::move(options)), curl_(curl_easy_init(), curl_easy_cleanup) {
    while (!base_.empty() && base_.back() == '/') base_.pop_back();
    if (!curl_) throw std::runtime_error("Cannot start libcurl");
  }

  /// Send, and answer with the bytes of the answer. What is not safe is sent once.
  std::string call(const std::string& method, const std::string& path, const std::optional<nlohmann::json>& body,
                   bool safe) {
    std::string content;
    if (body) nlohmann::json::to_msgpack(*body, content);
    const auto until = Clock::now() + options_.total;
    for (int attempt = 1;; ++attempt) {
      Millis after{0};
      std::exception_ptr error;
      try {
        return once(method, path, body ? &content : nullptr, until);
      } catch (const Refusal& refusal) {
        // An earlier DELETE was carried out and its answer lost.
        if (refusal.status == 404 && method == "DELETE" && attempt > 1) return "";
        if (std::find(std::begin(retryable), std::end(retryable), refusal.status) == std::end(retryable)) throw;
        error = std::current_exception();
        after = refusal.retry_after;
      } catch (const NoAnswer&) {
        error = std::current_exception();
      }
      const auto longest = std::min(options_.cap, options_.base * (1L << std::min(attempt - 1, 20)));
      after += Millis(std::uniform_int_distribution<Millis::rep>(0, longest.count())(random_));
      if (!safe || attempt >= options_.attempts || Clock::now() + after >= until) std::rethrow_exception(error);
      std::this_thread::sleep_for(after);
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  std::string once(const std::string& method, const std::string& path, const std::string* content,
                   Clock::time_point until) {
    CURL* curl = curl_.get();
    // The connection stays, whatever else is set anew.
    curl_easy_reset(curl);
    const std::string url = base_ + path;
    const auto left = std::chrono::duration_cast<Millis>(until - Clock::now());
    const Millis limit = std::max(Millis(1), std::min(options_.timeout, left));
    std::string answer;
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    // On a connection that it had, libcurl sends again by itself what got no answer. These may have been taken.
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, method == "DELETE" || method == "PATCH" ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    Headers headers(nullptr, curl_slist_free_all);
    add(headers, "Accept: application/msgpack, application/octet-stream");
    if (!options_.api_key.empty()) add(headers, "Authorization: Bearer " + options_.api_key);
    if (content != nullptr) {
      add(headers, "Content-Type: application/msgpack");
      // No round trip to ask whether a body may come.
      add(headers, "Expect:");
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, content->data());
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(content->size()));
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    const CURLcode result = curl_easy_perform(curl);
    if (result != CURLE_OK) throw NoAnswer("Cannot " + method + " " + url + ": " + curl_easy_strerror(result));
    return read(method + " " + url, answer);
  }

  std::string read(const std::string& request, const std::string& answer) {
    CURL* curl = curl_.get();
    long status = 0;
    char* type = nullptr;
    curl_off_t after = 0;
    curl_off_t announced = -1;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    // A connection that broke among the headers looks to libcurl like an answer that ends with them.
    if (status != 204 && announced < 0 && answer.empty()) throw NoAnswer("Cannot " + request + ": its answer ends early");
    const std::string kind = type == nullptr ? "no content type" : type;
    const auto is = [&](const char* name) { return kind.find(name) != std::string::npos; };
    if (status < 300 && (answer.empty() || is("msgpack") || is("octet-stream"))) return answer;
    nlohmann::json problem = is("json") ? nlohmann::json::parse(answer, nullptr, false) : nlohmann::json();
    if (!problem.is_object())
      problem = {{"code", "unknown"},
                 {"detail", request + " answered " + kind + ", expected application/msgpack: " + answer.substr(0, 200)}};
    throw Refusal(status, std::move(problem), std::chrono::seconds(after));
  }

  using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

  static void add(Headers& headers, const std::string& line) {
    curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    headers.release();
    headers.reset(longer);
  }

  static std::size_t append(const char* data, std::size_t one, std::size_t size, void* to) {
    static_cast<std::string*>(to)->append(data, one * size);
    return one * size;
  }

  std::string base_;
  Options options_;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_;
  std::mt19937 random_{std::random_device{}()};
};

}  // namespace stepd
