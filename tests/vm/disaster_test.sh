#!/usr/bin/env bash
# What the service needs fails around it: no room on /var, no journald, no network at its start, no memory.
# It starts, puts the host back and says what it cannot do all the same.
set -euo pipefail
. "$(dirname "$0")/host.sh"

# inject ID [ADDRESS]: latency, seen to work.
inject() {
  local to=${2:-10.9.0.2}
  expect_status 0 "inject $1" faultctl latency --id "$1" --delay 100ms --to "$to" --interface up0 --for 10m
  expect_between "RTT with $1" "$(rtt_ms "$to")" 98 140
}

# live_and_die ID: what the service must be able to do whatever fails around it, beginning with the fault.
live_and_die() {
  inject "$1"
  expect_status 0 "revert" faultctl revert "$1"
  expect_host_as "$before"
  inject "$1-killed"
  systemctl kill --signal KILL faultd
  expect_within 5 "kernel and journal clean" is_clean
  expect_host_as "$before"
  expect_within 20 "service is back" service_is_back
}

echo "== no network at the start"
install_faultd
cat >>/etc/faultd/faultd.toml <<'CONFIG'
[[probe]]
name = "db"
target = "db.example:5432"
[cloudwatch]
namespace = "Lab"
CONFIG
sed -i 's/^endpoints = .*/endpoints = ["bastion.example"]/' /etc/faultd/faultd.toml
ip link set eth0 down
expect_status 0 "enable --now" systemctl enable --now --quiet faultd
make_peer
before=$(snapshot)
live_and_die unconnected
expect_equal "what it says of the probe" "$(faultctl probes | grep --only-matching '^db')" db
cp packaging/faultd.toml /etc/faultd/

echo "== no journald"
units=(systemd-journald.service systemd-journald{,-dev-log,-audit}.socket)
systemctl mask --runtime --quiet "${units[@]}"
systemctl stop --quiet "${units[@]}"
expect_equal "journald" "$(systemctl is-active systemd-journald.service || true)" inactive
expect_status 0 "restart" systemctl restart faultd
live_and_die unheard
expect_equal "journald" "$(systemctl is-active systemd-journald.service || true)" inactive
systemctl unmask --runtime --quiet "${units[@]}"
systemctl start --quiet "${units[@]}"

echo "== no room on /var"
inject reverted
inject killed 10.9.0.3
fallocate --length "$(df --block-size 1 --output=avail /var | tail -n 1)" /var/tmp/full
cat /dev/zero >/var/tmp/rest 2>/dev/null || true # what is kept for root
expect_refused "No space left on device" faultctl latency --delay 1s --to 10.9.0.2 --interface up0 --for 10m
expect_status 0 "revert" faultctl revert reverted
expect_between "RTT with the other fault" "$(rtt_ms 10.9.0.3)" 98 140
systemctl kill --signal KILL faultd
expect_within 5 "kernel and journal clean" is_clean
expect_host_as "$before"
expect_within 20 "service is back" service_is_back
expect_status 0 "stop" systemctl stop faultd
expect_status 0 "start" systemctl start faultd
expect_equal "room on /var" "$(free_mib /var)" 0
rm /var/tmp/{full,rest}
live_and_die roomy

echo "== no memory, which the fault gives back"
daemon=$(main_pid)
oom_kills() { sed -n 's/^oom_kill //p' /proc/vmstat; }
# victim MIB: takes as much, in steps, and ends.
victim() { python3 -c "held = [bytearray(b'x') * (4 << 20) for _ in range($1 // 4)]"; }
expect_status 0 "memory" faultctl memory --id greedy --percent-of-available 100 --content compressible --for 10m
expect_within 120 "memory is resident" resident_is greedy 1000 1900
kills=$(oom_kills)
expect_status 0 "an innocent process" victim 500
expect_equal "processes killed" "$(oom_kills)" "$kills"
expect_active greedy
expect_status 0 "the fault gave back" has_given_back greedy

echo "== no memory, which the fault cannot give back"
expect_within 120 "memory is resident" resident_is greedy 1000 1900
greedy=$(pid_of greedy)
kill -STOP "$greedy"
# More than the machine has beside the fault, and less than without it.
expect_status 0 "an innocent process" victim 1500
expect_within 10 "the fault has failed" has_failed greedy
expect_said "the kernel killed stress process $greedy because memory ran out (OOM killer)"
expect_equal "the daemon" "$(main_pid)" "$daemon"
expect_status 0 "the guardian" pgrep --full -- --watch
expect_host_as "$before"
