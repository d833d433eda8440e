#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace faultd {

// How long a connection attempt that goes nowhere is watched, in milliseconds.
inline constexpr int kHangs = 250;

// A socket that does not block, of `type` (SOCK_STREAM, SOCK_DGRAM), which listens at the address
// or is connected to it; a stream may still be on its way there.
UniqueFd OpenSocket(const std::string& address, int type, uint16_t port, bool listens);

// Whether `events` of poll(2) come in time.
bool Ready(const UniqueFd& fd, short events, int timeout_ms);

// Whether a TCP connection comes about in time, and whether it gets no answer at all, not even a
// refusal.
bool Connects(const std::string& address, uint16_t port, int timeout_ms);
bool ConnectHangs(const std::string& address, uint16_t port);

}  // namespace faultd
