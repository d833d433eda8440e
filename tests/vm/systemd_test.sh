#!/usr/bin/env bash
# faultd under systemd: whatever ends it, in whatever way, the host is back as it was and the service is
# back where it should be.
set -euo pipefail
. "$(dirname "$0")/host.sh"

# inject ID LEASE: latency and blackhole, both seen to work.
inject() {
  expect_status 0 "latency" faultctl latency --id "$1-late" --delay 100ms --to 10.9.0.2 --interface up0 --for "$2"
  expect_status 0 "blackhole" faultctl blackhole --id "$1-lost" --to 10.9.0.3 --interface up0 --direction both --for "$2"
  expect_between "RTT with latency" "$(rtt_ms 10.9.0.2)" 98 140
  expect_status 1 "ping into the blackhole" ping -q -c 1 -W 0.5 10.9.0.3
}

expect_no_fault() {
  expect_between "RTT without latency" "$(rtt_ms 10.9.0.2)" 0 40
  expect_between "RTT without blackhole" "$(rtt_ms 10.9.0.3)" 0 40
  expect_host_as "$before"
}

echo "== start"
install_faultd
make_peer
before=$(snapshot)
expect_status 0 "enable --now" systemctl enable --now --quiet faultd
# "active" is what the daemon itself has said (Type=notify): it serves from then on.
expect_equal "state" "$(systemctl is-active faultd)" active
expect_status 0 "faultctl list" faultctl list
expect_status 0 "faultctl doctor --strict" faultctl doctor --strict
expect_host_as "$before"
for module in ifb sch_netem nft_fwd_netdev nft_numgen nft_hash; do
  expect_equal "$module is read from the disk at the start" "$(lsmod | grep -c "^$module ")" 1
done
for process in "$(main_pid)" "$(pgrep --full -- --watch)"; do
  # In KiB; what is locked counts as soon as it is mapped.
  expect_between "memory that stays when the host runs out of it: of $(</proc/"$process"/comm)" \
    "$(awk '/^VmLck:/ { print $2 }' "/proc/$process/status")" 1000 100000000
done
expect_equal "socket" "$(stat -c '%a %U %G' /run/faultd/faultd.sock)" "660 root faultd"
expect_equal "its folder" "$(stat -c '%a %U' /run/faultd)" "755 root"
expect_equal "state folder" "$(stat -c '%a %U' /var/lib/faultd)" "700 root"
as_nobody=(setpriv --reuid nobody --regid nogroup)
expect_status 3 "somebody else" "${as_nobody[@]}" --clear-groups faultctl list
expect_status 0 "a member of the group" "${as_nobody[@]}" --groups faultd faultctl list

echo "== the story of a fault in the journal"
expect_status 0 "noop" faultctl noop --id told --for 10m
expect_status 0 "its revert" faultctl revert told
journalctl --sync
expect_equal "lines while active" "$(journalctl --quiet --output cat FAULT_ID=told KIND=noop STATE=ACTIVE | wc -l)" 1
expect_equal "its end" "$(journalctl --quiet --output cat FAULT_ID=told STATE=REVERTED _SYSTEMD_UNIT=faultd.service)" \
  "fault told: FAULT_STATE_REVERTED (END_REASON_REQUESTED)"

echo "== every process killed"
inject killed 10m
systemctl kill --signal KILL faultd
expect_within 5 "kernel and journal clean" is_clean
expect_no_fault
expect_within 20 "service is back" service_is_back
expect_status 0 "faultctl doctor --strict" faultctl doctor --strict
expect_equal "faults" "$(faultctl list)" "no faults"
expect_said "fault killed-late: latency reverted"

echo "== the daemon alone killed"
inject alone 10m
systemctl kill --kill-whom main --signal KILL faultd
expect_within 5 "kernel and journal clean" is_clean
expect_no_fault
journalctl --sync
expect_said "fault alone-late: latency reverted"
expect_equal "its story" "$(journalctl --quiet --output cat FAULT_ID=alone-late SYSLOG_IDENTIFIER=faultd-guardian)" \
  "fault alone-late: latency reverted"
expect_within 20 "service is back" service_is_back

echo "== the guardian alone killed"
inject lonely 10m
guardian=$(pgrep --full -- --watch)
daemon=$(main_pid)
kill -KILL "$guardian"
has_new_guardian() { [[ $(pgrep --full -- --watch) == [0-9]* && $(pgrep --full -- --watch) != "$guardian" ]]; }
expect_within 10 "there is another guardian" has_new_guardian
expect_equal "the daemon goes on" "$(main_pid)" "$daemon"
expect_between "so does the latency" "$(rtt_ms 10.9.0.2)" 98 140
expect_status 0 "revert" faultctl revert --all
expect_no_fault

echo "== stopped with a lease that ends"
# The guardian and the watchdog would both be right to end it now; which of them is first is chance.
systemctl service-watchdogs no
inject hung 8s
kill -STOP "$(main_pid)"
# The lease, two seconds of grace, and what the injection's checks took.
expect_within 12 "kernel and journal clean" is_clean
expect_said "the daemon hangs, killing it"
expect_no_fault
systemctl service-watchdogs yes
expect_within 20 "service is back" service_is_back

echo "== stopped with a lease that does not end"
inject asleep 10m
kill -STOP "$(main_pid)"
expect_within 15 "kernel and journal clean" is_clean
expect_no_fault
# The watchdog's SIGABRT went to the guardian, too.
expect_said "fault asleep-late: latency reverted"
expect_within 20 "service is back" service_is_back

echo "== restart"
inject restarted 10m
daemon=$(main_pid)
expect_status 0 "restart" systemctl restart faultd
expect_status 1 "kill the daemon before" kill -0 "$daemon"
expect_no_fault
expect_equal "faults" "$(faultctl list --all)" "no faults"

echo "== stop"
inject stopped 10m
expect_status 0 "stop" systemctl stop faultd
expect_equal "result" "$(systemctl show --property Result,ExecMainStatus --value faultd | xargs)" "success 0"
expect_equal "state" "$(systemctl is-active faultd)" inactive
expect_no_fault
expect_status 1 "processes of ours" pgrep faultd
expect_status 3 "faultctl list" faultctl list
expect_said "all faults are reverted"

echo "== log"
for id in killed alone lonely hung asleep restarted stopped; do
  expect_said "fault $id-late" "fault $id-lost"
done

echo "== a configuration that is wrong"
echo 'colour = "red"' >/etc/faultd/faultd.toml
expect_status 1 "start" systemctl start faultd
sleep 2
expect_equal "state" "$(systemctl is-active faultd)" failed
expect_said "/etc/faultd/faultd.toml:1:"
expect_host_as "$before"
