#include <arpa/inet.h>
#include <endian.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/base/internal/raw_logging.h"
#include "kernel/netlink.h"

namespace faultd {

void NlMsgDeleter::operator()(nl_msg* message) const { nlmsg_free(message); }

NetlinkMessage::NetlinkMessage(uint16_t type, uint16_t flags, size_t capacity)
    : message_(nlmsg_alloc_size(std::max<size_t>(capacity, NLMSG_HDRLEN))) {
  ABSL_RAW_CHECK(message_ != nullptr, "out of memory");
  nlmsg_put(message_.get(), 0, 0, type, 0, NLM_F_REQUEST | flags);
}

nlmsghdr* NetlinkMessage::header() const { return nlmsg_hdr(message_.get()); }

size_t NetlinkMessage::size() const { return NLMSG_ALIGN(header()->nlmsg_len); }

void NetlinkMessage::MakeRoom(size_t bytes) {
  const size_t wanted = size() + NLMSG_ALIGN(bytes);
  const size_t room = nlmsg_get_max_size(message_.get());
  if (wanted <= room) return;
  ABSL_RAW_CHECK(nlmsg_expand(message_.get(), std::max(wanted, 2 * room)) == 0, "out of memory");
}

void NetlinkMessage::PutHeaderBytes(const void* data, size_t size) {
  MakeRoom(size);
  memcpy(nlmsg_reserve(message_.get(), size, NLMSG_ALIGNTO), data, size);
}

void NetlinkMessage::Put(int type, const void* data, size_t size) {
  ABSL_RAW_CHECK(NLA_HDRLEN + size <= std::numeric_limits<uint16_t>::max(),
                 "netlink attribute over 64 KiB");
  MakeRoom(NLA_HDRLEN + size);
  nla_put(message_.get(), type, static_cast<int>(size), data);
}

void NetlinkMessage::PutString(int type, std::string_view text) {
  const std::string terminated(text);
  Put(type, terminated.c_str(), terminated.size() + 1);
}

void NetlinkMessage::PutU8(int type, uint8_t value) { Put(type, &value, sizeof(value)); }
void NetlinkMessage::PutU16(int type, uint16_t value) { Put(type, &value, sizeof(value)); }
void NetlinkMessage::PutU32(int type, uint32_t value) { Put(type, &value, sizeof(value)); }
void NetlinkMessage::PutU64(int type, uint64_t value) { Put(type, &value, sizeof(value)); }
void NetlinkMessage::PutBe16(int type, uint16_t value) { PutU16(type, htons(value)); }
void NetlinkMessage::PutBe32(int type, uint32_t value) { PutU32(type, htonl(value)); }
void NetlinkMessage::PutBe64(int type, uint64_t value) { PutU64(type, htobe64(value)); }

size_t NetlinkMessage::NestStart(int type) {
  const size_t offset = size();
  Put(type | NLA_F_NESTED, nullptr, 0);
  return offset;
}

void NetlinkMessage::NestEnd(size_t start) {
  const size_t length = size() - start;
  ABSL_RAW_CHECK(length <= std::numeric_limits<uint16_t>::max(), "netlink attribute over 64 KiB");
  auto* nest = reinterpret_cast<nlattr*>(reinterpret_cast<char*>(header()) + start);
  nest->nla_len = static_cast<uint16_t>(length);
}

void ForEachAttribute(std::span<const std::byte> attributes,
                      const std::function<void(int, std::span<const std::byte>)>& each) {
  int rest = static_cast<int>(attributes.size());
  for (auto* attribute = reinterpret_cast<const nlattr*>(attributes.data());
       nla_ok(attribute, rest); attribute = nla_next(attribute, &rest)) {
    each(nla_type(attribute), {static_cast<const std::byte*>(nla_data(attribute)),
                               static_cast<size_t>(nla_len(attribute))});
  }
}

std::span<const std::byte> AttributesOf(const nlmsghdr* message, size_t header_size) {
  const size_t begin = NLMSG_HDRLEN + NLMSG_ALIGN(header_size);
  if (message->nlmsg_len <= begin) return {};
  return {reinterpret_cast<const std::byte*>(message) + begin, message->nlmsg_len - begin};
}

std::string_view PayloadString(std::span<const std::byte> payload) {
  const char* begin = reinterpret_cast<const char*>(payload.data());
  return {begin, payload.empty() ? 0 : strnlen(begin, payload.size())};
}

}  // namespace faultd
