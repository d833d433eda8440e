#include "kernel/nft_rule.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>

#include <array>

namespace faultd::nft {

void RuleWriter::Add(std::string_view name, const std::function<void()>& attributes) {
  message_.Nest(NFTA_LIST_ELEM, [&] {
    message_.PutString(NFTA_EXPR_NAME, name);
    message_.Nest(NFTA_EXPR_DATA, attributes);
  });
}

void RuleWriter::LoadMeta(uint32_t key, uint32_t into) {
  Add("meta", [&] {
    message_.PutBe32(NFTA_META_KEY, key);
    message_.PutBe32(NFTA_META_DREG, into);
  });
}

void RuleWriter::LoadPayload(uint32_t base, uint32_t offset, uint32_t size, uint32_t into) {
  Add("payload", [&] {
    message_.PutBe32(NFTA_PAYLOAD_DREG, into);
    message_.PutBe32(NFTA_PAYLOAD_BASE, base);
    message_.PutBe32(NFTA_PAYLOAD_OFFSET, offset);
    message_.PutBe32(NFTA_PAYLOAD_LEN, size);
  });
}

void RuleWriter::Compare(uint32_t source, uint32_t op, std::span<const std::byte> value) {
  Add("cmp", [&] {
    message_.PutBe32(NFTA_CMP_SREG, source);
    message_.PutBe32(NFTA_CMP_OP, op);
    message_.Nest(NFTA_CMP_DATA,
                  [&] { message_.Put(NFTA_DATA_VALUE, value.data(), value.size()); });
  });
}

void RuleWriter::Compare8(uint32_t source, uint32_t op, uint8_t value) {
  Compare(source, op, std::as_bytes(std::span(&value, 1)));
}

void RuleWriter::Compare16(uint32_t source, uint32_t op, uint16_t value) {
  const uint16_t network = htons(value);
  Compare(source, op, std::as_bytes(std::span(&network, 1)));
}

void RuleWriter::Compare32(uint32_t source, uint32_t op, uint32_t value) {
  const uint32_t network = htonl(value);
  Compare(source, op, std::as_bytes(std::span(&network, 1)));
}

void RuleWriter::Mask(uint32_t reg, std::span<const std::byte> mask) {
  const std::array<std::byte, 16> zero{};
  Add("bitwise", [&] {
    message_.PutBe32(NFTA_BITWISE_SREG, reg);
    message_.PutBe32(NFTA_BITWISE_DREG, reg);
    message_.PutBe32(NFTA_BITWISE_LEN, static_cast<uint32_t>(mask.size()));
    message_.Nest(NFTA_BITWISE_MASK,
                  [&] { message_.Put(NFTA_DATA_VALUE, mask.data(), mask.size()); });
    message_.Nest(NFTA_BITWISE_XOR,
                  [&] { message_.Put(NFTA_DATA_VALUE, zero.data(), mask.size()); });
  });
}

void RuleWriter::Lookup(uint32_t source, std::string_view set) {
  Add("lookup", [&] {
    message_.PutString(NFTA_LOOKUP_SET, set);
    message_.PutBe32(NFTA_LOOKUP_SREG, source);
  });
}

void RuleWriter::ToNetworkOrder(uint32_t reg) {
  Add("byteorder", [&] {
    message_.PutBe32(NFTA_BYTEORDER_SREG, reg);
    message_.PutBe32(NFTA_BYTEORDER_DREG, reg);
    message_.PutBe32(NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
    message_.PutBe32(NFTA_BYTEORDER_LEN, sizeof(uint32_t));
    message_.PutBe32(NFTA_BYTEORDER_SIZE, sizeof(uint32_t));
  });
}

void RuleWriter::Hash(uint32_t source, uint32_t size, uint32_t modulus, uint32_t seed,
                      uint32_t into) {
  Add("hash", [&] {
    message_.PutBe32(NFTA_HASH_SREG, source);
    message_.PutBe32(NFTA_HASH_DREG, into);
    message_.PutBe32(NFTA_HASH_LEN, size);
    message_.PutBe32(NFTA_HASH_MODULUS, modulus);
    message_.PutBe32(NFTA_HASH_SEED, seed);
    message_.PutBe32(NFTA_HASH_TYPE, NFT_HASH_JENKINS);
  });
  ToNetworkOrder(into);
}

void RuleWriter::Random(uint32_t modulus, uint32_t into) {
  Add("numgen", [&] {
    message_.PutBe32(NFTA_NG_DREG, into);
    message_.PutBe32(NFTA_NG_MODULUS, modulus);
    message_.PutBe32(NFTA_NG_TYPE, NFT_NG_RANDOM);
    message_.PutBe32(NFTA_NG_OFFSET, 0);
  });
  ToNetworkOrder(into);
}

void RuleWriter::Count(std::string_view counter) {
  Add("objref", [&] {
    message_.PutBe32(NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
    message_.PutString(NFTA_OBJREF_IMM_NAME, counter);
  });
}

void RuleWriter::Forward(int ifindex) {
  Add("immediate", [&] {
    message_.PutBe32(NFTA_IMMEDIATE_DREG, NFT_REG_1);
    // The one value in host byte order: the kernel compares it with the device's index as it is.
    message_.Nest(NFTA_IMMEDIATE_DATA,
                  [&] { message_.PutU32(NFTA_DATA_VALUE, static_cast<uint32_t>(ifindex)); });
  });
  Add("fwd", [&] { message_.PutBe32(NFTA_FWD_SREG_DEV, NFT_REG_1); });
}

void RuleWriter::Verdict(int code, std::string_view chain) {
  Add("immediate", [&] {
    message_.PutBe32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    message_.Nest(NFTA_IMMEDIATE_DATA, [&] {
      message_.Nest(NFTA_DATA_VERDICT, [&] {
        message_.PutBe32(NFTA_VERDICT_CODE, static_cast<uint32_t>(code));
        if (!chain.empty()) message_.PutString(NFTA_VERDICT_CHAIN, chain);
      });
    });
  });
}

}  // namespace faultd::nft
