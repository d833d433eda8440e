#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain.h"
#include "base/status.h"
#include "base/unique_fd.h"

// The files of an audit log: PATH, which is written to, PATH.1, PATH.2, … which are older, and
// PATH.head. None of them is opened through a symbolic link.
namespace faultd {

inline constexpr char kDefaultAuditLog[] = "/var/log/faultd/audit.jsonl";

// The numbers of the older files, the oldest first.
StatusOr<std::vector<int>> OlderFiles(const std::string& path);
std::string OlderFile(const std::string& path, int number);
std::string HeadFile(const std::string& path);

// A file's content. NOT_FOUND when there is none.
StatusOr<std::string> ReadAuditFile(const std::string& path);

// Calls `each` with every line, without its newline; the last one may be torn.
struct RawLine {
  std::string_view text;
  size_t number;  // in the file, from 1
  bool whole;     // ends in a newline
};
void ForEachLine(std::string_view content, const std::function<void(const RawLine&)>& each);

}  // namespace faultd
