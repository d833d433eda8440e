#include "rpc/principal.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace faultd {
namespace {

constexpr std::array<std::string_view, 6> kTypes = {"user", "group", "uri", "dns", "email", "ip"};

// Whether the text matches the pattern.
bool Matches(std::string_view pattern, std::string_view text, char separator) {
  if (pattern == "**") return true;
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '*') {
    return !text.empty() && text.front() == pattern.front() &&
           Matches(pattern.substr(1), text.substr(1), separator);
  }
  for (size_t taken = 0;; ++taken) {
    if (Matches(pattern.substr(1), text.substr(taken), separator)) return true;
    if (taken == text.size() || text[taken] == separator) return false;
  }
}

bool Matches(std::string_view entry, std::string_view name) {
  const size_t colon = entry.find(':');
  if (colon == std::string_view::npos || entry.substr(0, colon + 1) != name.substr(0, colon + 1))
    return false;
  const std::string_view type = entry.substr(0, colon);
  entry.remove_prefix(colon + 1);
  name.remove_prefix(colon + 1);
  if (type != "uri" && type != "dns" && type != "email") return entry == name;
  return Matches(entry, name, type == "dns" ? '.' : '/');
}

}  // namespace

Status ValidatePrincipal(std::string_view entry) {
  const size_t colon = entry.find(':');
  const bool known =
      std::find(kTypes.begin(), kTypes.end(), entry.substr(0, colon)) != kTypes.end();
  const size_t stars = entry.find("**");
  const bool good = known && colon != std::string_view::npos && colon + 1 < entry.size() &&
                    (stars == std::string_view::npos || stars + 2 == entry.size());
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("\"", entry,
             "\" is nobody; write \"user:NAME\", \"group:NAME\", \"uri:PATTERN\", \"dns:PATTERN\", "
             "\"email:PATTERN\" or \"ip:ADDRESS\", with \"**\" at the end only"));
}

StatusOr<std::string> WithNumber(const std::string& entry) {
  const std::string name = entry.substr(entry.find(':') + 1);
  if (name.find_first_not_of("0123456789") == std::string::npos) return entry;
  std::vector<char> buffer(64 << 10);
  if (entry.starts_with("user:")) {
    passwd user{};
    passwd* found = nullptr;
    getpwnam_r(name.c_str(), &user, buffer.data(), buffer.size(), &found);
    if (found != nullptr) return StrCat("user:", user.pw_uid);
  } else if (entry.starts_with("group:")) {
    group entry_of_group{};
    group* found = nullptr;
    getgrnam_r(name.c_str(), &entry_of_group, buffer.data(), buffer.size(), &found);
    if (found != nullptr) return StrCat("group:", entry_of_group.gr_gid);
  } else {
    return entry;
  }
  return absl::NotFoundError(StrCat("there is no ", entry, " on this host"));
}

bool AnyMatches(const std::vector<std::string>& entries, const std::vector<std::string>& names) {
  return std::any_of(entries.begin(), entries.end(), [&](const std::string& entry) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return Matches(entry, name); });
  });
}

}  // namespace faultd
