#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "kernel/netlink.h"

namespace faultd::nft {

// The expressions of one rule, which the kernel runs in order; the first that does not match ends
// the rule. Registers are those of enum nft_registers
// (linux/netfilter/nf_tables.h). Values are in network byte order.
class RuleWriter {
 public:
  explicit RuleWriter(NetlinkMessage& message) : message_(message) {}

  void LoadMeta(uint32_t key, uint32_t into);
  void LoadPayload(uint32_t base, uint32_t offset, uint32_t size, uint32_t into);
  void Compare(uint32_t source, uint32_t op, std::span<const std::byte> value);
  void Compare8(uint32_t source, uint32_t op, uint8_t value);
  void Compare16(uint32_t source, uint32_t op, uint16_t value);  // value in host byte order
  void Compare32(uint32_t source, uint32_t op, uint32_t value);  // value in host byte order
  void Mask(uint32_t reg, std::span<const std::byte> mask);
  void Lookup(uint32_t source, std::string_view set);
  // Both leave a number below `modulus` in network byte order.
  void Hash(uint32_t source, uint32_t size, uint32_t modulus, uint32_t seed, uint32_t into);
  void Random(uint32_t modulus, uint32_t into);
  void Count(std::string_view counter);
  void Forward(int ifindex);
  // NF_ACCEPT, NFT_RETURN, and with a chain NFT_GOTO and NFT_JUMP.
  void Verdict(int code, std::string_view chain = {});

 private:
  void Add(std::string_view name, const std::function<void()>& attributes);
  void ToNetworkOrder(uint32_t reg);
  NetlinkMessage& message_;
};

}  // namespace faultd::nft
