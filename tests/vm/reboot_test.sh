#!/usr/bin/env bash
# A loss of power and an orderly reboot in the middle of a fault; records that are not of this boot or
# not records at all.
set -euo pipefail
. "$(dirname "$0")/host.sh"

journal=/var/lib/faultd/journal
cat /proc/sys/kernel/random/boot_id >>/var/lib/boots

inject() {
  expect_status 0 "latency" faultctl latency --id "$1" --delay 100ms --to 10.9.0.2 --interface up0 --for 12h
  expect_between "RTT with $1" "$(rtt_ms 10.9.0.2)" 98 140
}

# inject_all ID: also what outlives the kernel, a filled disk and a drained container instance.
inject_all() {
  inject "$1"
  expect_status 0 "disk-fill" faultctl disk-fill --id "$1-full" --path /var/tmp --percent 85 --for 12h
  expect_within 30 "the disk is filled" has_free /var/tmp 0 $((free - 1000))
  expect_status 0 "ecs-drain" faultctl ecs-drain --id "$1-drain" --for 12h
  expect_equal "container instance" "$(instance_status)" DRAINING
}

# expect_room: the disk has as much of it as at first, but for logs.
expect_room() { expect_between "free MiB" "$(free_mib /var/tmp)" $((free - 50)) $((free + 50)); }

echo "== boot $LAB_BOOT"
[[ $LAB_BOOT -eq 1 ]] && free_mib /var/tmp >/root/free
free=$(</root/free)
make_peer
case $LAB_BOOT in
  1)
    install_faultd
    use_aws
    start_aws '{}'
    systemctl enable --now --quiet faultd
    inject_all power-cut
    [[ -e $journal/power-cut.record ]]
    cp $journal/power-cut.record /root/ # for a later boot
    sync /root /root/*
    echo b >/proc/sysrq-trigger
    sleep infinity
    ;;
  2)
    expect_within 60 "service is back" service_is_back
    expect_said "fault power-cut: latency ended with the boot it was made in"
    expect_status 0 "kernel is clean" kernel_is_clean
    expect_room
    # ECS has not been rebooted. Until it can be reached, its record stays.
    expect_equal "records" "$(cd $journal && echo *)" power-cut-drain.record
    start_aws '{"instance_status": "DRAINING"}'
    expect_within 60 "container instance is set active" instance_is ACTIVE
    expect_within 20 "is clean" is_clean
    before=$(snapshot)
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
    inject_all reboot
    systemctl reboot
    sleep infinity
    ;;
esac
expect_equal "boots" "$LAB_BOOT" 3
expect_equal "different boot ids" "$(sort -u /var/lib/boots | wc -l)" 3
expect_within 60 "service is back" service_is_back
expect_status 0 "the log of the boot before tells that all was reverted" \
  bash -c 'journalctl --quiet --unit faultd --boot -1 --output cat | grep "all faults are reverted"'
expect_equal "the end of the drain" \
  "$(journalctl --quiet --boot -1 --output cat FAULT_ID=reboot-drain STATE=REVERTED | wc -l)" 1
expect_room
rm $journal/*.aside
expect_status 0 "faultctl doctor --strict" faultctl doctor --strict
before=$(snapshot)
inject last
expect_status 0 "revert" faultctl revert last
expect_host_as "$before"
expect_between "RTT after all" "$(rtt_ms 10.9.0.2)" 0 40
