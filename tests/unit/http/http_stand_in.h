#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "http/http_message.h"

namespace faultd {

// An HTTP server on loopback for the tests of its clients, with a memory and bad habits on demand.
// Each connection has a thread; `handler` is called under a lock.
class HttpStandIn {
 public:
  struct Request {
    std::string method;
    std::string target;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    int connection = 0;  // counted from 1
  };
  struct Reply {
    int status = 200;
    std::string body;
    HttpHeaders headers;
    enum { kAnswer, kAnswerAndClose, kHang, kClose, kGarbage } habit = kAnswer;
  };
  using Handler = std::function<Reply(const Request&)>;
  // PEM files of a server that speaks TLS.
  struct Tls {
    std::string certificate;
    std::string key;
  };

  explicit HttpStandIn(Handler handler) : HttpStandIn(std::move(handler), Tls()) {}
  HttpStandIn(Handler handler, Tls tls);
  ~HttpStandIn() { Stop(); }

  // Closes all connections and calls no handler any more.
  void Stop();

  int port() const { return port_; }
  std::string url() const;  // without a slash at the end
  // Calls with `target`, or all.
  std::vector<Request> requests() const;
  int connections() const { return connections_; }

 private:
  void Accept();
  void Serve(int fd, int number);
  template <typename Stream>
  void ServeOn(Stream& stream, int number);

  Handler handler_;
  Tls tls_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::set<int> open_;
  std::vector<std::thread> threads_;
  bool stopping_ = false;
  std::thread accept_;
};

}  // namespace faultd
