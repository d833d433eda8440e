#include "probe/dns_channel.h"

#include <netinet/in.h>
#include <sys/time.h>

#include <cstring>
#include <utility>

namespace faultd {

using boost::asio::ip::tcp;
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

StatusOr<std::shared_ptr<DnsChannel>> DnsChannel::Open(boost::asio::io_context& context,
                                                       const DnsClient::Options& options) {
  // c-ares waits for 5 s before it asks again. One lost packet must not make a dependency look down
  // within the timeout of its probe.
  constexpr int kFirstTimeoutMs = 1000;
  constexpr int kTries = 3;
  std::shared_ptr<DnsChannel> made(new DnsChannel(context));
  std::string resolv_conf = options.resolv_conf;
  char dns_only[] = "b";
  ares_options settings{};
  settings.timeout = kFirstTimeoutMs;
  settings.tries = kTries;
  settings.sock_state_cb = OnSocketState;
  settings.sock_state_cb_data = made.get();
  settings.resolvconf_path = resolv_conf.data();
  settings.lookups = dns_only;
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                   ARES_OPT_RESOLVCONF | (options.hosts_file ? 0 : ARES_OPT_LOOKUPS);
  int status = ares_init_options(&made->channel_, &settings, mask);
  if (status == ARES_SUCCESS && !options.servers.empty()) {
    status = ares_set_servers_ports_csv(made->channel_, options.servers.c_str());
  }
  if (status == ARES_SUCCESS) return made;
  return absl::UnavailableError(StrCat("set up the DNS client: ", ares_strerror(status)));
}

DnsChannel::~DnsChannel() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

void DnsChannel::Lookup(const std::string& host, uint16_t port, std::shared_ptr<DnsAnswer> answer) {
  ares_addrinfo_hints hints{};
  hints.ai_socktype = SOCK_STREAM;
  ++under_way_;
  ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, OnAnswer,
                   new Question{*this, port, std::move(answer)});
  ArmTimer();
}

void DnsChannel::OnAnswer(void* asked, int status, int, ares_addrinfo* result) {
  const std::unique_ptr<Question> question(static_cast<Question*>(asked));
  --question->channel.under_way_;
  DnsAnswer& answer = *question->answer;
  for (const auto* node = result == nullptr ? nullptr : result->nodes; node != nullptr;
       node = node->ai_next) {
    tcp::endpoint endpoint;
    if (node->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), node->ai_addr, node->ai_addrlen);
    endpoint.resize(node->ai_addrlen);
    endpoint.port(question->port);
    answer.endpoints.push_back(endpoint);
  }
  ares_freeaddrinfo(result);
  answer.status = status;
  answer.done = true;
  answer.answered.cancel();
}

// Called by c-ares when it wants something of a socket, and with nothing wanted before it closes
// it.
void DnsChannel::OnSocketState(void* self, int fd, int readable, int writable) {
  DnsChannel& channel = *static_cast<DnsChannel*>(self);
  if (readable == 0 && writable == 0) {
    if (auto closed = channel.sockets_.extract(fd)) closed.mapped()->descriptor.release();
    return;
  }
  std::shared_ptr<Socket>& socket = channel.sockets_[fd];
  if (socket == nullptr) {
    socket = std::make_shared<Socket>(channel.context_);
    boost::system::error_code error;  // then it is never ready, and the lookup times out
    socket->descriptor.assign(fd, error);
  }
  socket->wanted[0] = readable != 0;
  socket->wanted[1] = writable != 0;
  channel.Wait(socket, stream_descriptor::wait_read);
  channel.Wait(socket, stream_descriptor::wait_write);
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
  ares_process_fd(channel_, readable_fd, writable_fd);
  ArmTimer();
}

void DnsChannel::ArmTimer() {
  timeval left{};
  if (ares_timeout(channel_, nullptr, &left) == nullptr) {
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
