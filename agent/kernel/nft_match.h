#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "kernel/nft_batch.h"
#include "kernel/packet_match.h"

namespace faultd::nft {

// Whether a rule looks the addresses up in a set rather than comparing with them.
bool NeedsSet(const AddressSet& addresses);

// The name of the set of the table that holds these addresses.
using SetNamer = std::function<std::string_view(const AddressSet&)>;

// Adds as many rules as it takes to send exactly the packets of `match` that pass in `direction` to
// what `verdict` adds.
void AddMatchRules(Batch& batch, std::string_view chain, const PacketMatch& match,
                   Direction direction, const SetNamer& set_name,
                   const std::function<void(RuleWriter&)>& verdict);

// Adds a rule that accepts IPv6 neighbour and router discovery.
void AddNeighbourDiscoveryRule(Batch& batch, std::string_view chain);

}  // namespace faultd::nft
