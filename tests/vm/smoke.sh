#!/usr/bin/env bash
# The mechanism every network fault rests on works here: an owned nftables table forwards packets to an
# ifb whose netem delays them, at egress and at ingress, and goes with the process that owns it.
set -euo pipefail
. "$(dirname "$0")/expect.sh"

ip netns add peer
ip link add near type veth peer name far netns peer
ip addr add 10.9.0.1/24 dev near
ip link set near up
ip -n peer link set far up
for host in 2 3 4; do
  ip -n peer addr add "10.9.0.$host/24" dev far
done
for delay in 100 40; do
  ip link add "delay$delay" type ifb
  ip link set "delay$delay" up
  tc qdisc add dev "delay$delay" root netem delay "${delay}ms"
done
ping -q -c 1 -W 2 10.9.0.2 >/dev/null # neighbours are known from here on

coproc owner { exec nft --interactive; }
owner_pid=$!
cat >&"${owner[1]}" <<'RULES'
add table netdev smoke { flags owner; }
add chain netdev smoke out { type filter hook egress device near priority 0; }
add chain netdev smoke in { type filter hook ingress device near priority 0; }
add rule netdev smoke out ip daddr 10.9.0.2 fwd to delay100
add rule netdev smoke in ip saddr 10.9.0.3 fwd to delay40
RULES
until [[ $(nft list table netdev smoke 2>/dev/null) == *delay40* ]]; do sleep 0.1; done

expect_between "RTT with 100 ms at egress" "$(rtt_ms 10.9.0.2)" 100 115
expect_between "RTT with 40 ms at ingress" "$(rtt_ms 10.9.0.3)" 40 55
expect_between "RTT beside them" "$(rtt_ms 10.9.0.4)" 0 15

kill -KILL "$owner_pid"
wait "$owner_pid" 2>/dev/null || true
until [[ -z $(nft list tables) ]]; do sleep 0.1; done
expect_between "RTT after the owner's death" "$(rtt_ms 10.9.0.2)" 0 15
