#!/usr/bin/env bash
# The lab machine keeps what was written over a reboot and over a loss of power.
set -euo pipefail
. "$(dirname "$0")/expect.sh"

boots=/var/lib/boots
cat /proc/sys/kernel/random/boot_id >>$boots
sync
case $LAB_BOOT in
  1) systemctl reboot && sleep infinity ;;
  2) echo b >/proc/sysrq-trigger ;;
esac
expect_between "boots" "$LAB_BOOT" 3 3
expect_between "different boot ids" "$(sort -u $boots | wc -l)" 3 3
expect_between "systemd as process 1" "$(grep -c systemd /proc/1/comm)" 1 1
