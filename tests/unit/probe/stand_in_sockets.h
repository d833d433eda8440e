#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

namespace faultd {

// A port of 127.0.0.1 with the kernel behind it, which answers connections whoever looks.
class StandInListener {
 public:
  // A `full` one answers nobody: its queue is taken.
  explicit StandInListener(bool full = false);

  uint16_t port() const { return port_; }
  // Takes the next connection and reads it to its end; the number of the error, or 0.
  int AcceptAndRead(const std::string& greeting = "");
  // Nobody listens there any more.
  void Close() { fd_.Reset(); }

 private:
  UniqueFd fd_;
  std::vector<UniqueFd> fillers_;
  uint16_t port_ = 0;
};

// A name server on 127.0.0.1, on the loop of the test. It says NXDOMAIN about names it does not
// know.
class StandInNameServer {
 public:
  explicit StandInNameServer(boost::asio::io_context& context);

  // "127.0.0.1:port", for DnsClient.
  std::string address() const;

  std::map<std::string, std::string> ipv4;  // of names, in lower case
  std::map<std::string, std::string> ipv6;
  std::set<std::string> without_address;
  std::set<std::string> silent;  // no answer about these
  std::set<std::string> lossy;   // the first question about each type goes unheard
  std::set<std::string> broken;  // SERVFAIL
  int questions = 0;

 private:
  void Receive();
  void Answer(std::string question);

  boost::asio::ip::udp::socket socket_;
  boost::asio::ip::udp::endpoint client_;
  char buffer_[512];
};

}  // namespace faultd
