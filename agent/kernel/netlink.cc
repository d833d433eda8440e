#include "kernel/netlink.h"

#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace faultd {
namespace {

constexpr int kBufferBytes = 16 << 20;
// The kernel never fills more than this much of a reader's buffer in one step of a dump.
constexpr size_t kReceiveBytes = 32 << 10;
// The kernel answers before send returns; the time-out only keeps a lost answer from hanging us.
constexpr timeval kAnswerTimeout{.tv_sec = 10, .tv_usec = 0};
constexpr int kDumpTries = 10;

// The kernel's answer to one message, or the end of a dump.
struct Acknowledgement {
  int error = 0;
  std::string_view text;  // extended acknowledgement
};

std::string_view ExtendedText(const nlmsghdr* header, size_t fixed_size) {
  std::string_view text;
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return text;
  ForEachAttribute(AttributesOf(header, fixed_size),
                   [&](int type, std::span<const std::byte> data) {
                     if (type != NLMSGERR_ATTR_MSG || data.empty()) return;
                     const char* begin = reinterpret_cast<const char*>(data.data());
                     text = std::string_view(begin, strnlen(begin, data.size()));
                   });
  return text;
}

Acknowledgement ParseError(const nlmsghdr* header) {
  const auto* error = static_cast<const nlmsgerr*>(nlmsg_data(header));
  size_t fixed_size = sizeof(nlmsgerr);
  if ((header->nlmsg_flags & NLM_F_CAPPED) == 0) fixed_size += error->msg.nlmsg_len - NLMSG_HDRLEN;
  return {-error->error, ExtendedText(header, fixed_size)};
}

Acknowledgement ParseDone(const nlmsghdr* header) {
  int error = 0;
  if (nlmsg_datalen(header) < static_cast<int>(sizeof(error))) return {};
  memcpy(&error, nlmsg_data(header), sizeof(error));
  return {error < 0 ? -error : 0, ExtendedText(header, sizeof(error))};
}

Status ToStatus(const Acknowledgement& answer, std::string_view attempt) {
  if (answer.error == 0) return absl::OkStatus();
  Status plain = ErrnoStatus(answer.error, attempt);
  const std::string_view hint = answer.error == EPERM ? "needs CAP_NET_ADMIN" : "";
  const std::string_view detail = answer.text.empty() ? hint : answer.text;
  if (detail.empty()) return plain;
  Status status(plain.code(), StrCat(plain.message(), " (", detail, ")"));
  plain.ForEachPayload(
      [&](absl::string_view key, const absl::Cord& value) { status.SetPayload(key, value); });
  return status;
}

Status SendAll(int fd, const void* data, size_t size, std::string_view attempt) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  while (sendto(fd, data, size, 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel)) <
         0) {
    if (errno != EINTR) return ErrnoStatus(errno, StrCat(attempt, ": send to the kernel"));
  }
  return absl::OkStatus();
}

// Receives one datagram and hands on those of its messages whose number is wanted. Answers whether
// there was one; with MSG_DONTWAIT there may be none.
template <typename Each>
StatusOr<bool> ReceiveDatagram(int fd, int flags, std::string_view attempt, Each each) {
  alignas(nlmsghdr) std::array<std::byte, kReceiveBytes> buffer;
  sockaddr_nl sender{};
  iovec vector{buffer.data(), buffer.size()};
  msghdr message{
      .msg_name = &sender, .msg_namelen = sizeof(sender), .msg_iov = &vector, .msg_iovlen = 1};
  ssize_t size = 0;
  do {
    size = recvmsg(fd, &message, flags);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN && (flags & MSG_DONTWAIT) != 0) return false;
  if (size < 0) return ErrnoStatus(errno, StrCat(attempt, ": receive the kernel's answer"));
  if ((message.msg_flags & MSG_TRUNC) != 0) {
    return ErrnoStatus(EMSGSIZE, StrCat(attempt, ": receive the kernel's answer"));
  }
  if (sender.nl_pid != 0) return true;  // other processes may send to us as well
  int rest = static_cast<int>(size);
  for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(header, rest);
       header = nlmsg_next(header, &rest)) {
    each(header);
  }
  return true;
}

}  // namespace

void NlSockDeleter::operator()(nl_sock* socket) const { nl_socket_free(socket); }

NetlinkSocket::NetlinkSocket(std::unique_ptr<nl_sock, NlSockDeleter> socket, int protocol)
    : socket_(std::move(socket)), protocol_(protocol) {}

StatusOr<NetlinkSocket> NetlinkSocket::Open(int protocol) {
  std::unique_ptr<nl_sock, NlSockDeleter> socket(nl_socket_alloc());
  if (socket == nullptr) return ErrnoStatus(ENOMEM, "open netlink socket");
  errno = 0;
  if (nl_connect(socket.get(), protocol) < 0) return ErrnoStatus(errno, "open netlink socket");
  const int fd = nl_socket_get_fd(socket.get());
  const int on = 1;
  for (int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK}) {
    if (setsockopt(fd, SOL_NETLINK, option, &on, sizeof(on)) != 0) {
      return ErrnoStatus(errno, "set up netlink socket");
    }
  }
  // Beyond the system's limit only with CAP_NET_ADMIN; without it the most that is allowed is
  // taken.
  for (auto [forced, limited] :
       {std::pair(SO_SNDBUFFORCE, SO_SNDBUF), std::pair(SO_RCVBUFFORCE, SO_RCVBUF)}) {
    if (setsockopt(fd, SOL_SOCKET, forced, &kBufferBytes, sizeof(kBufferBytes)) != 0 &&
        setsockopt(fd, SOL_SOCKET, limited, &kBufferBytes, sizeof(kBufferBytes)) != 0) {
      return ErrnoStatus(errno, "set up netlink socket");
    }
  }
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kAnswerTimeout, sizeof(kAnswerTimeout)) != 0) {
    return ErrnoStatus(errno, "set up netlink socket");
  }
  return NetlinkSocket(std::move(socket), protocol);
}

uint32_t NetlinkSocket::port() const { return nl_socket_get_local_port(socket_.get()); }

Status NetlinkSocket::Send(const void* data, size_t size, std::string_view attempt) {
  const int fd = nl_socket_get_fd(socket_.get());
  // A dump goes on only while it is read, and until its end the kernel refuses another with EBUSY.
  while (unread_) {
    ASSIGN_OR_RETURN(unread_, ReceiveDatagram(fd, MSG_DONTWAIT, attempt, [](const nlmsghdr*) {}));
  }
  RETURN_IF_ERROR(SendAll(fd, data, size, attempt));
  unread_ = true;
  return absl::OkStatus();
}

Status NetlinkSocket::Execute(NetlinkMessage& message, std::string_view attempt) {
  return Query(message, attempt, [](const nlmsghdr*) {});
}

Status NetlinkSocket::Query(NetlinkMessage& message, std::string_view attempt,
                            const std::function<void(const nlmsghdr*)>& each,
                            const std::function<void()>& restart) {
  const int fd = nl_socket_get_fd(socket_.get());
  nlmsghdr* request = message.header();
  request->nlmsg_flags |= NLM_F_ACK;  // a dump ends with NLMSG_DONE all the same
  Status failure;
  for (int tries = 0; tries < kDumpTries; ++tries) {
    if (tries > 0 && restart) restart();
    request->nlmsg_seq = next_sequence_++;
    request->nlmsg_pid = port();
    RETURN_IF_ERROR(Send(request, request->nlmsg_len, attempt));
    bool done = false;
    bool interrupted = false;
    Acknowledgement answer;
    while (!done) {
      const auto received = ReceiveDatagram(fd, 0, attempt, [&](const nlmsghdr* header) {
        if (header->nlmsg_seq != request->nlmsg_seq || done) return;
        interrupted |= (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        done = header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE;
        if (done) {
          answer = header->nlmsg_type == NLMSG_ERROR ? ParseError(header) : ParseDone(header);
          failure = ToStatus(answer, attempt);
        } else if (header->nlmsg_type >= NLMSG_MIN_TYPE) {
          each(header);
        }
      });
      if (!received.ok()) return received.status();
    }
    unread_ = false;
    if (!interrupted) return failure;
  }
  return absl::UnavailableError(
      StrCat(attempt, ": interrupted by changes ", kDumpTries, " times in a row"));
}

Status NetlinkSocket::ExecuteBatch(std::vector<NetlinkMessage>& messages,
                                   std::span<const std::string> attempts,
                                   std::string_view attempt) {
  const auto frames_batch = [&](const nlmsghdr* header) {
    return protocol_ == NETLINK_NETFILTER &&
           (header->nlmsg_type == NFNL_MSG_BATCH_BEGIN || header->nlmsg_type == NFNL_MSG_BATCH_END);
  };
  const uint32_t first = next_sequence_;
  size_t last = messages.size();
  size_t bytes = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    nlmsghdr* header = messages[i].header();
    header->nlmsg_seq = next_sequence_++;
    header->nlmsg_pid = port();
    header->nlmsg_flags = static_cast<uint16_t>(header->nlmsg_flags & ~NLM_F_ACK);
    bytes += messages[i].size();
    if (!frames_batch(header)) last = i;
  }
  if (last == messages.size()) return absl::OkStatus();
  messages[last].header()->nlmsg_flags |= NLM_F_ACK;

  std::vector<std::byte> datagram;
  datagram.reserve(bytes);
  for (const NetlinkMessage& message : messages) {
    const auto* begin = reinterpret_cast<const std::byte*>(message.header());
    datagram.insert(datagram.end(), begin, begin + message.size());
  }
  const int fd = nl_socket_get_fd(socket_.get());
  RETURN_IF_ERROR(Send(datagram.data(), datagram.size(), attempt));

  Status failure;
  bool acknowledged = false;
  // A failed commit is reported for the batch's begin, and a failure may leave out the last
  // message's answer. All answers are there by the time that send returns, so those after the
  // deciding one are read without waiting.
  for (;;) {
    const bool decided = acknowledged || !failure.ok();
    ASSIGN_OR_RETURN(
        const bool received,
        ReceiveDatagram(fd, decided ? MSG_DONTWAIT : 0, attempt, [&](const nlmsghdr* header) {
          const uint32_t position = header->nlmsg_seq - first;
          if (header->nlmsg_type != NLMSG_ERROR || position >= messages.size()) return;
          const Acknowledgement answer = ParseError(header);
          acknowledged |= position == last;
          if (!failure.ok() || answer.error == 0) return;
          const bool named = position < attempts.size() && !attempts[position].empty();
          failure = ToStatus(
              answer, named ? StrCat(attempt, ": ", attempts[position]) : std::string(attempt));
        }));
    if (!received) {
      unread_ = false;
      return failure;
    }
  }
}

}  // namespace faultd
