#include "probe/dns_channel.h"

#include <netinet/in.h>
#include <sys/time.h>

#include <utility>

namespace faultd {

using boost::asio::posix::stream_descriptor;

struct DnsChannel::Socket {
  explicit Socket(boost::asio::io_context& context) : descriptor(context) {}
  // c-ares closes the descriptor.
  ~Socket() {
    if (descriptor.is_open()) descriptor.release();
  }
  stream_descriptor descriptor;
  bool wanted[2] = {};   // by c-ares: to be read, to be written
  bool awaited[2] = {};  // by the loop
};

struct DnsChannel::Question {
  DnsChannel& channel;
  uint16_t port;
  std::shared_ptr<DnsAnswer> answer;
};

std::shared_ptr<DnsChannel> DnsChannel::Create(boost::asio::io_context& context,
                                               std::unique_ptr<AresChannel> ares) {
  std::shared_ptr<DnsChannel> made(new DnsChannel(context));
  ares->on_socket = [self = made.get()](int fd, bool to_read, bool to_write) {
    self->OnSocket(fd, to_read, to_write);
  };
  made->ares_ = std::move(ares);
  return made;
}

// c-ares still has to do with the other members.
DnsChannel::~DnsChannel() { ares_.reset(); }

void DnsChannel::Lookup(const std::string& host, uint16_t port, std::shared_ptr<DnsAnswer> answer) {
  ares_addrinfo_hints hints{};
  hints.ai_socktype = SOCK_STREAM;
  ++under_way_;
  ares_getaddrinfo(ares_->channel, host.c_str(), nullptr, &hints, OnAnswer,
                   new Question{*this, port, std::move(answer)});
  ArmTimer();
}

void DnsChannel::OnAnswer(void* asked, int status, int, ares_addrinfo* found) {
  const std::unique_ptr<Question> question(static_cast<Question*>(asked));
  --question->channel.under_way_;
  DnsAnswer& answer = *question->answer;
  answer.result = TakeResult(status, found, question->port);
  answer.done = true;
  answer.answered.cancel();
}

void DnsChannel::OnSocket(int fd, bool to_read, bool to_write) {
  if (!to_read && !to_write) {
    if (auto closed = sockets_.extract(fd)) closed.mapped()->descriptor.release();
    return;
  }
  std::shared_ptr<Socket>& socket = sockets_[fd];
  if (socket == nullptr) {
    socket = std::make_shared<Socket>(context_);
    boost::system::error_code error;  // then it is never ready, and the lookup times out
    socket->descriptor.assign(fd, error);
  }
  socket->wanted[0] = to_read;
  socket->wanted[1] = to_write;
  Wait(socket, stream_descriptor::wait_read);
  Wait(socket, stream_descriptor::wait_write);
}

void DnsChannel::Wait(const std::shared_ptr<Socket>& socket, stream_descriptor::wait_type what) {
  const size_t index = what == stream_descriptor::wait_read ? 0 : 1;
  if (!socket->descriptor.is_open() || !socket->wanted[index]) return;
  if (std::exchange(socket->awaited[index], true)) return;
  socket->descriptor.async_wait(
      what, [weak = weak_from_this(), socket, what, index](const boost::system::error_code& error) {
        socket->awaited[index] = false;
        const auto self = weak.lock();
        // The number of a released socket may be another's by now.
        if (error || self == nullptr || !socket->descriptor.is_open()) return;
        const int fd = socket->descriptor.native_handle();
        self->Process(index == 0 ? fd : ARES_SOCKET_BAD, index == 1 ? fd : ARES_SOCKET_BAD);
        self->Wait(socket, what);
      });
}

void DnsChannel::Process(int readable_fd, int writable_fd) {
  ares_process_fd(ares_->channel, readable_fd, writable_fd);
  ArmTimer();
}

void DnsChannel::ArmTimer() {
  timeval left{};
  if (ares_timeout(ares_->channel, nullptr, &left) == nullptr) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr) self->Process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

}  // namespace faultd
