#pragma once

#include <map>
#include <ostream>
#include <set>
#include <string>

#include "kernel/links.h"
#include "kernel/qdiscs.h"
#include "kernel/steering.h"

namespace faultd {

// Everything of the fake kernel that a fault could leave behind, comparable.
struct KernelState {
  std::map<int, Link> links;
  std::map<int, Netem> netem;  // root qdiscs by ifindex
  SteeringTable table;
  std::set<std::string> hooks;  // interfaces with a clsact qdisc
  std::set<std::string> default_routes;
  std::set<std::string> stress_processes;    // ids of their faults
  std::set<std::string> cgroups;             // likewise
  std::set<std::string> tagged_directories;  // paths
  friend bool operator==(const KernelState&, const KernelState&) = default;
};

// For messages of failed tests.
std::ostream& operator<<(std::ostream& out, const PacketMatch& match);
std::ostream& operator<<(std::ostream& out, const Netem& netem);
std::ostream& operator<<(std::ostream& out, const KernelState& state);

}  // namespace faultd
