#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

struct nl_sock;
struct nl_msg;

namespace faultd {

struct NlMsgDeleter {
  void operator()(nl_msg* message) const;
};
struct NlSockDeleter {
  void operator()(nl_sock* socket) const;
};

// One netlink message under construction; grows as needed. Running out of memory terminates, as
// everywhere.
class NetlinkMessage {
 public:
  // `flags` beside NLM_F_REQUEST, which is always set.
  NetlinkMessage(uint16_t type, uint16_t flags, size_t capacity = 4096);

  // Appends a fixed header such as ifinfomsg or nfgenmsg.
  template <typename Header>
  void PutHeader(const Header& header) {
    PutHeaderBytes(&header, sizeof(header));
  }
  void Put(int type, const void* data, size_t size);
  void PutString(int type, std::string_view text);  // with the terminating zero
  void PutU8(int type, uint8_t value);
  void PutU16(int type, uint16_t value);
  void PutU32(int type, uint32_t value);
  void PutU64(int type, uint64_t value);
  void PutBe16(int type, uint16_t value);
  void PutBe32(int type, uint32_t value);
  void PutBe64(int type, uint64_t value);
  // Nests attributes: Nest(IFLA_LINKINFO, [&] { message.PutString(…); }). Sets NLA_F_NESTED, which
  // nf_tables wants and old rtnetlink users do not mind. At most 64 KiB, as every attribute.
  template <typename Body>
  void Nest(int type, Body body) {
    const size_t start = NestStart(type);
    body();
    NestEnd(start);
  }

  nlmsghdr* header() const;
  size_t size() const;  // bytes so far

 private:
  void MakeRoom(size_t bytes);
  void PutHeaderBytes(const void* data, size_t size);
  size_t NestStart(int type);  // where the nest begins, in bytes
  void NestEnd(size_t start);
  std::unique_ptr<nl_msg, NlMsgDeleter> message_;
};

// A connected netlink socket (close-on-exec, extended acknowledgements, 16 MiB send buffer), used
// for one request at a time from one thread.
class NetlinkSocket {
 public:
  static StatusOr<NetlinkSocket> Open(int protocol);  // NETLINK_ROUTE, NETLINK_NETFILTER

  // Sends a request and waits for its acknowledgement. Errors carry the kernel's own words where it
  // sends any: "<attempt>: <strerror> (<extended message>)", with a hint for EPERM.
  Status Execute(NetlinkMessage& message, std::string_view attempt);

  // Sends a dump or get request and hands every answer to `each`; starts again when the kernel says
  // that the dump was interrupted by a change (NLM_F_DUMP_INTR), after `restart`.
  Status Query(NetlinkMessage& message, std::string_view attempt,
               const std::function<void(const nlmsghdr*)>& each,
               const std::function<void()>& restart = {});

  // Sends several messages as one datagram and reads until the last one is acknowledged (its
  // NLM_F_ACK is set here, the others' is cleared); the first error wins and names the message's
  // entry in `attempts`. For nfnetlink the caller puts batch begin and end around them: those are
  // sent without asking for an acknowledgement.
  Status ExecuteBatch(std::vector<NetlinkMessage>& messages, std::span<const std::string> attempts,
                      std::string_view attempt);

  uint32_t port() const;  // the kernel's name for this socket

 private:
  NetlinkSocket(std::unique_ptr<nl_sock, NlSockDeleter> socket, int protocol);
  // After what is left of the answer before, if that was not read to its end.
  Status Send(const void* data, size_t size, std::string_view attempt);

  std::unique_ptr<nl_sock, NlSockDeleter> socket_;
  int protocol_;
  uint32_t next_sequence_ = 1;
  bool unread_ = false;  // there may be more of the last answer
};

// Attributes of a message or nest, walked as libnl does: ForEachAttribute(data, size, [](int type,
// std::span<const std::byte> payload) { … }). Types come without NLA_F_NESTED and byte-order bits.
void ForEachAttribute(std::span<const std::byte> attributes,
                      const std::function<void(int, std::span<const std::byte>)>& each);
std::span<const std::byte> AttributesOf(const nlmsghdr* message, size_t header_size);

// An attribute's payload as a structure or number: what an older kernel does not send is zero, what
// a newer one adds is left out.
template <typename T>
T PayloadAs(std::span<const std::byte> payload) {
  T value{};
  if (!payload.empty()) memcpy(&value, payload.data(), std::min(payload.size(), sizeof(value)));
  return value;
}
// As text, to the first zero; a view of the message.
std::string_view PayloadString(std::span<const std::byte> payload);
// The fixed header of a message, such as ifinfomsg.
template <typename Header>
Header HeaderOf(const nlmsghdr* message) {
  return PayloadAs<Header>({reinterpret_cast<const std::byte*>(message) + NLMSG_HDRLEN,
                            message->nlmsg_len - NLMSG_HDRLEN});
}

}  // namespace faultd
