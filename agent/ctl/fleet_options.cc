#include "ctl/fleet_options.h"

#include <set>

#include "base/strings.h"
#include "ctl/option_values.h"
#include <CLI/CLI.hpp>

namespace faultd::ctl {
namespace {

StatusOr<std::vector<Host>> HostsOf(const FleetTexts& texts) {
  std::vector<Host> hosts;
  if (texts.hosts_file) {
    auto read = ReadHostsFile(*texts.hosts_file);
    if (!read.ok()) return Annotate(read.status(), "--hosts-file");
    hosts = *std::move(read);
  }
  for (const std::string& text : texts.hosts) {
    auto host = ParseHost(text);
    if (!host.ok()) return Annotate(host.status(), "--host");
    hosts.push_back(*std::move(host));
  }
  if (hosts.size() > kMostHosts)
    return OptionError("--host", StrCat("at most ", kMostHosts, " hosts are allowed"));
  std::set<std::string> addresses;
  for (const Host& host : hosts) {
    if (!addresses.insert(host.address).second)
      return OptionError("--host", StrCat("\"", host.name, "\" is given more than once"));
  }
  return hosts;
}

}  // namespace

void AddFleetOptions(CLI::App& app, FleetTexts& texts) {
  const std::string group = "Several hosts";
  app.add_option("--host", texts.hosts,
                 "Instead of --address: a host to send the command to; repeat for several")
      ->allow_extra_args(false)
      ->type_name("HOST[:PORT]")
      ->group(group);
  app.add_option("--hosts-file", texts.hosts_file, "The same, one host a line; # begins a comment")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--select", texts.select,
                 "How many of the hosts, chosen at random: 'COUNT(2)', 'PERCENT(25)' or ALL "
                 "(default)")
      ->type_name("SELECTION")
      ->group(group);
  app.add_option("--parallel", texts.parallel,
                 "With how many hosts to talk at the same time, 1 to 256; --hold talks with all. "
                 "Default: 16")
      ->type_name("COUNT")
      ->group(group);
  app.add_flag("--all-or-nothing", texts.all_or_nothing,
               "When the fault fails on one host, or this command is stopped, end it on all")
      ->group(group);
}

StatusOr<FleetOptions> ToFleet(const FleetTexts& texts) {
  FleetOptions fleet;
  ASSIGN_OR_RETURN(fleet.hosts, HostsOf(texts));
  fleet.all_or_nothing = texts.all_or_nothing;
  const char* alone = texts.select           ? "--select"
                      : texts.parallel       ? "--parallel"
                      : texts.all_or_nothing ? "--all-or-nothing"
                                             : nullptr;
  if (alone != nullptr && fleet.hosts.size() < 2)
    return OptionError(alone, "takes more than one host; give them with --host or --hosts-file");
  fleet.select = fleet.hosts.size();
  if (texts.select) {
    auto select = ParseSelection(*texts.select, fleet.hosts.size());
    if (!select.ok()) return Annotate(select.status(), "--select");
    fleet.select = *select;
  }
  if (texts.parallel) {
    ASSIGN_OR_RETURN(fleet.parallel, CountOption("--parallel", *texts.parallel));
    if (fleet.parallel < 1 || fleet.parallel > kMostHosts)
      return OptionError("--parallel",
                         StrCat(*texts.parallel, " is out of range; write 1 to ", kMostHosts));
  }
  return fleet;
}

}  // namespace faultd::ctl
