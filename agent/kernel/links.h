#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace faultd {

// Every link of ours is an ifb that is made with a name that begins with this ("faultd0",
// "faultd-null") …
inline constexpr std::string_view kLinkPrefix = "faultd";
// … in this group (IFLA_GROUP), so that there is no moment in which it cannot be told from others;
// it then gets this alias (IFLA_IFALIAS), for people, and should somebody change the group.
inline constexpr std::string_view kLinkAlias = "faultd";
inline constexpr uint32_t kLinkGroup = 0xfa17d;
// Links on their way out are moved to this group first, to be deleted by it.
inline constexpr uint32_t kLinkTrashGroup = kLinkGroup + 1;

struct Link {
  int index = 0;
  std::string name;
  std::string kind;  // IFLA_INFO_KIND; empty for hardware
  std::string alias;
  uint32_t group = 0;
  bool up = false;
  friend bool operator==(const Link&, const Link&) = default;
};

// Whether the link is an ifb in a group of ours or with our alias. Its name does not count:
// somebody may have given it another one.
bool IsOurs(const Link& link);

// Network interfaces of the network namespace this object was opened in. Used from one thread.
class Links {
 public:
  virtual ~Links() = default;

  virtual StatusOr<std::vector<Link>> List() = 0;
  // NOT_FOUND: "no interface named x".
  virtual StatusOr<Link> Get(std::string_view name) = 0;
  // Interfaces of the default routes of the main table, IPv4 and IPv6, multipath included, sorted
  // by name; may be empty.
  virtual StatusOr<std::vector<Link>> DefaultRouteLinks() = 0;
  // Adds an ifb with our tags, up or down, one queue. ALREADY_EXISTS when the name is taken.
  virtual StatusOr<Link> CreateIfb(std::string_view name, bool up) = 0;
  // Deletes links of ours; those that are gone already are no error. Takes 10 to 40 ms, however
  // many there are.
  virtual Status Delete(const std::vector<int>& indices) = 0;
  // Starts the same and returns at once; whether it is done is seen in List. Errors are logged.
  virtual void DeleteInBackground(std::vector<int> indices) = 0;
  // Speed of the interface in bit/s (ethtool), 0 when unknown.
  virtual uint64_t SpeedBps(const Link& link) = 0;
};

}  // namespace faultd
