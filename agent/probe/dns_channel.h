#pragma once

#include <ares.h>

#include <map>
#include <memory>
#include <string>

#include "probe/host_names.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace faultd {

// What became of one lookup.
struct DnsAnswer {
  explicit DnsAnswer(boost::asio::io_context& context) : answered(context) {}
  boost::asio::steady_timer answered;  // cancelled by the answer
  bool done = false;
  DnsResult result;
};

// Asks name servers: a c-ares channel whose sockets and timeouts the loop watches. It has sockets
// only while there is something to look up.
class DnsChannel : public std::enable_shared_from_this<DnsChannel> {
 public:
  static std::shared_ptr<DnsChannel> Create(boost::asio::io_context& context,
                                            std::unique_ptr<AresChannel> ares);
  // Lookups under way are answered with ARES_EDESTRUCTION.
  ~DnsChannel();

  // Fills the answer, maybe before it returns.
  void Lookup(const std::string& host, uint16_t port, std::shared_ptr<DnsAnswer> answer);
  bool idle() const { return under_way_ == 0; }

 private:
  struct Socket;
  struct Question;

  explicit DnsChannel(boost::asio::io_context& context) : context_(context), timer_(context) {}
  void OnSocket(int fd, bool to_read, bool to_write);
  static void OnAnswer(void* question, int status, int timeouts, ares_addrinfo* result);
  void Wait(const std::shared_ptr<Socket>& socket,
            boost::asio::posix::stream_descriptor::wait_type what);
  void Process(int readable_fd, int writable_fd);
  void ArmTimer();

  boost::asio::io_context& context_;
  boost::asio::steady_timer timer_;
  std::map<int, std::shared_ptr<Socket>> sockets_;
  size_t under_way_ = 0;
  std::unique_ptr<AresChannel> ares_;
};

}  // namespace faultd
