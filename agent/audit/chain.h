#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "audit/entry.h"
#include "base/status.h"

// The lines of the audit log: JSON objects, numbered from 1 ("seq"), each with the hash of the one
// before ("prev") and at its end its own: SHA-256, in hex, of the line up to there and a "}".
namespace faultd {

std::string Sha256Hex(std::string_view text);

// A place in the chain: that of the line with this number.
struct ChainLink {
  uint64_t seq = 0;
  std::string hash = std::string(64, '0');
  friend bool operator==(const ChainLink&, const ChainLink&) = default;
};

// The line, without a newline, that comes after `last`, which becomes its own place.
std::string MakeLine(const AuditEntry& entry, ChainLink& last);

struct ChainedLine {
  ChainLink link;
  std::string prev;
};
// DATA_LOSS when it is no such line. Its hash may be wrong: HashMatches.
StatusOr<ChainedLine> ParseLine(std::string_view line);
// Whether the line is as it was written.
bool HashMatches(std::string_view line, const ChainedLine& parsed);

// What must be there: kept beside the log, so that lines cut off at either end are missed.
struct ChainHead {
  uint64_t first = 1;  // number of the oldest line that is kept
  ChainLink last;
};
std::string FormatHead(const ChainHead& head);
StatusOr<ChainHead> ParseHead(std::string_view text);

}  // namespace faultd
