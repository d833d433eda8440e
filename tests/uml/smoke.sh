#!/usr/bin/env bash
# netem works here: 50 ms on the loopback interface is 100 ms for a ping, there and back.
set -euo pipefail
. "$(dirname "$0")/../vm/expect.sh"

expect_between "RTT on lo without netem" "$(rtt_ms 127.0.0.1)" 0 5
tc qdisc add dev lo root netem delay 50ms
expect_between "RTT on lo with 50 ms of netem" "$(rtt_ms 127.0.0.1)" 100 110
tc qdisc del dev lo root
expect_between "RTT on lo after netem" "$(rtt_ms 127.0.0.1)" 0 5
