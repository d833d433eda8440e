#!/usr/bin/env bash
# A loss of power and an orderly reboot in the middle of a fault; records that are not of this boot or
# not records at all.
set -euo pipefail
. "$(dirname "$0")/host.sh"

journal=/var/lib/faultd/journal
cat /proc/sys/kernel/random/boot_id >>/var/lib/boots

inject() {
  make_peer
  before=$(snapshot)
  expect_status 0 "inject $1" faultctl latency --id "$1" --delay 100ms --to 10.9.0.2 --interface up0 --for 12h
  expect_between "RTT with $1" "$(rtt_ms 10.9.0.2)" 98 140
}

echo "== boot $LAB_BOOT"
case $LAB_BOOT in
  1)
    install_faultd
    systemctl enable --now --quiet faultd
    inject power-cut
    [[ -e $journal/power-cut.record ]]
    cp $journal/power-cut.record /root/ # for a later boot
    sync /root /root/power-cut.record
    echo b >/proc/sysrq-trigger
    sleep infinity
    ;;
  2)
    expect_within 60 "service is back" service_is_back
    expect_said "fault power-cut: latency ended with the boot it was made in"
    expect_status 0 "is clean" is_clean
    expect_status 0 "faultctl doctor --strict" faultctl doctor --strict

    echo "== records of another boot, and no records"
    inject again
    expect_status 0 "revert" faultctl revert again
    expect_host_as "$before"
    systemctl stop faultd
    cp /root/power-cut.record $journal/
    head -c 300 /dev/urandom >$journal/garbage.record
    head -c 40 /root/power-cut.record >$journal/torn.record
    systemctl start faultd
    expect_equal "journal" "$(cd $journal && echo *)" "garbage.record.aside torn.record.aside"
    expect_status 1 "faultctl doctor" faultctl doctor
    expect_equal "leftovers" "$(faultctl --json doctor | grep -o '"[a-z]*.record.aside"' | xargs)" \
      "garbage.record.aside torn.record.aside"
    expect_host_as "$before"

    echo "== orderly reboot"
    expect_status 0 "inject reboot" faultctl latency --id reboot --delay 100ms --to 10.9.0.2 --interface up0 --for 12h
    expect_between "RTT with reboot" "$(rtt_ms 10.9.0.2)" 98 140
    systemctl reboot
    sleep infinity
    ;;
esac
expect_equal "boots" "$LAB_BOOT" 3
expect_equal "different boot ids" "$(sort -u /var/lib/boots | wc -l)" 3
expect_within 60 "service is back" service_is_back
expect_status 0 "the log of the boot before tells that all was reverted" \
  bash -c 'journalctl --quiet --unit faultd --boot -1 --output cat | grep "all faults are reverted"'
rm $journal/*.aside
expect_status 0 "faultctl doctor --strict" faultctl doctor --strict
inject last
expect_status 0 "revert" faultctl revert last
expect_host_as "$before"
expect_between "RTT after all" "$(rtt_ms 10.9.0.2)" 0 40
