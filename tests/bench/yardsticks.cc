#include "bench/yardsticks.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <fstream>

#include "absl/strings/str_join.h"
#include "bench/commands.h"
#include "bench/requests.h"
#include "bench/require.h"
#include "kernel/link_messages.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_match.h"

namespace faultd::bench {
namespace {

constexpr char kLink[] = "bare0";
constexpr char kChain[] = "egress";
constexpr char kSet[] = "addresses";
constexpr char kRecord[] = "bare";
constexpr size_t kRecordBytes = 300;

AddressSet SetOf(const std::vector<std::string>& cidrs) {
  std::vector<IpRange> ranges;
  ranges.reserve(cidrs.size());
  for (const std::string& cidr : cidrs) ranges.push_back(Require(IpPrefix::Parse(cidr)).range());
  return AddressSet(Family::kIpv4, std::move(ranges));
}

}  // namespace

BareNetlink::BareNetlink(const std::string& directory, const std::vector<std::string>& cidrs)
    : directory_(Require(OpenDirectory(directory))),
      route_(Require(NetlinkSocket::Open(NETLINK_ROUTE))),
      netfilter_(Require(NetlinkSocket::Open(NETLINK_NETFILTER))),
      addresses_(SetOf(cidrs)) {}

void BareNetlink::Noop() {
  NetlinkMessage message(NLMSG_NOOP, 0, NLMSG_HDRLEN);
  Require(route_.Execute(message, "do nothing"));
}

void BareNetlink::GetLink() { Require(faultd::GetLink(route_, kInterface)); }

void BareNetlink::WriteRecord() {
  Require(directory_->Write(kRecord, std::string(kRecordBytes, 'x')));
}

void BareNetlink::Inject() {
  WriteRecord();
  Require(AddIfb(route_, kLink));
  Require(TagLink(route_, kLink, /*up=*/false));
  const Link link = Require(faultd::GetLink(route_, kLink));
  nft::Batch batch;
  batch.AddTable();
  batch.AddCounter(kRecord, {});
  if (nft::NeedsSet(addresses_)) batch.AddSet(kSet, addresses_);
  batch.AddBaseChain(kChain, kInterface, Direction::kEgress);
  nft::AddMatchRules(
      batch, kChain, PacketMatch{addresses_}, Direction::kEgress,
      [](const AddressSet&) { return std::string_view(kSet); },
      [&](nft::RuleWriter& rule) {
        rule.Count(kRecord);
        rule.Forward(link.index);
      });
  Require(batch.Send(netfilter_, "inject with bare netlink"));
}

void BareNetlink::Revert() {
  nft::Batch batch;
  batch.DeleteTable();
  Require(batch.Send(netfilter_, "revert with bare netlink"));
}

void BareNetlink::CleanUp() {
  Require(directory_->Remove(kRecord));
  NetlinkMessage message(RTM_DELLINK, 0);
  message.PutHeader(ifinfomsg{.ifi_family = AF_UNSPEC});
  message.PutString(IFLA_IFNAME, kLink);
  Require(route_.Execute(message, "delete link"));
}

Commands::Commands(const std::string& directory, const std::vector<std::string>& cidrs)
    : ruleset_(StrCat(directory, "/", cidrs.size(), ".nft")), first_cidr_(cidrs.front()) {
  std::ofstream(ruleset_) << "table netdev bench {\n  set addresses {\n    type ipv4_addr\n"
                          << "    flags interval\n    elements = { " << absl::StrJoin(cidrs, ", ")
                          << " }\n  }\n  chain outgoing {\n"
                          << "    type filter hook egress device \"" << kInterface
                          << "\" priority 0; policy accept;\n"
                          << "    ip daddr @addresses counter fwd to \"exec0\"\n  }\n}\n";
}

void Commands::InjectWithNft() {
  Run({"ip", "link", "add", "exec0", "type", "ifb"});
  Run({"nft", "-f", ruleset_});
}

void Commands::RevertWithNft() {
  Run({"nft", "delete", "table", "netdev", "bench"});
  Run({"ip", "link", "delete", "exec0"});
}

void Commands::InjectWithTc() {
  Run({"ip", "link", "add", "exec0", "type", "ifb"});
  Run({"ip", "link", "set", "exec0", "alias", "bench"});
  Run({"tc", "qdisc", "add", "dev", kInterface, "clsact"});
  Run({"tc",        "filter", "add",    "dev",    kInterface, "egress", "protocol",
       "ip",        "prio",   "1",      "u32",    "match",    "ip",     "dst",
       first_cidr_, "action", "mirred", "egress", "redirect", "dev",    "exec0"});
}

void Commands::RevertWithTc() {
  Run({"tc", "qdisc", "delete", "dev", kInterface, "clsact"});
  Run({"ip", "link", "delete", "exec0"});
}

}  // namespace faultd::bench
