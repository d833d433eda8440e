#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "base/ip.h"

namespace faultd {

// An address, or a mask of one, as it stands in a packet: 4 or 16 bytes in network byte order.
class AddressBytes {
 public:
  AddressBytes(Family family, absl::uint128 value) : size_(AddressBits(family) / 8) {
    for (int i = 0; i < size_; ++i) {
      bytes_[static_cast<size_t>(i)] =
          static_cast<std::byte>(absl::Uint128Low64(value >> (8 * (size_ - 1 - i))) & 0xff);
    }
  }
  std::span<const std::byte> bytes() const { return {bytes_.data(), static_cast<size_t>(size_)}; }

 private:
  int size_;
  std::array<std::byte, 16> bytes_{};
};

}  // namespace faultd
