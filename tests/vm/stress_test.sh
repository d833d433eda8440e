#!/usr/bin/env bash
# Stress under systemd, where cgroup v2 and the memory controller are: each process in a cgroup of its
# own, and whatever runs out ends the fault alone.
set -euo pipefail
. "$(dirname "$0")/host.sh"

stress_is_gone() { ! pgrep --exact faultd-stress >/dev/null && [[ -z $(cgroup_of '*') ]] && journal_is_empty; }
# limit PROPERTY=VALUE: of the running service.
limit() { systemctl set-property --runtime faultd "$1"; }

echo "== start"
install_faultd
sed -i 's/^memory_reserve = .*/memory_reserve = "1MiB"/' /etc/faultd/policy.toml
expect_status 0 "enable --now" systemctl enable --now --quiet faultd
daemon=$(main_pid)

echo "== effect, as the kernel counts it"
expect_status 0 "cpu" faultctl cpu --id cpu --load 50 --cores 1 --for 10m
expect_status 0 "memory" faultctl memory --id memory --size 100MiB --for 10m
expect_equal "process in the cgroup of its fault" "$(cat "$(cgroup_of cpu)/cgroup.procs")" "$(pid_of cpu)"
expect_equal "its priority" "$(ps -o ni= -p "$(pid_of cpu)" | xargs)" 0
expect_between "CPU time used, per cent" "$(cpu_percent cpu)" 25 56
expect_within 20 "memory is resident" resident_is memory 100 130

echo "== the stress process killed"
kill -KILL "$(pid_of memory)"
expect_within 5 "the fault has failed" has_failed memory
expect_active cpu

echo "== every process killed"
systemctl kill --signal KILL faultd
expect_within 5 "nothing is left" stress_is_gone
expect_within 20 "service is back" service_is_back
daemon=$(main_pid)

echo "== the daemon alone killed"
expect_status 0 "cpu" faultctl cpu --id cpu --load 100 --for 10m
kill -KILL "$daemon"
expect_within 5 "nothing is left" stress_is_gone
expect_within 20 "service is back" service_is_back
daemon=$(main_pid)

echo "== restart, with every core busy"
expect_status 0 "cpu" faultctl cpu --id cpu --load 100 --for 10m
expect_status 0 "restart" systemctl restart faultd
expect_within 5 "nothing is left" stress_is_gone
daemon=$(main_pid)

echo "== a limit on the service's memory"
limit MemoryMax=300M
expect_refused "is more than there is" faultctl memory --size 500MiB --for 1m
expect_status 0 "cpu" faultctl cpu --id bystander --load 5 --cores 1 --for 10m
expect_status 0 "memory" faultctl memory --id polite --size 150MiB --reserve 64MiB --for 10m
expect_within 30 "memory is resident" resident_is polite 150 180
used=$(($(cat "$unit_cgroup/memory.current") >> 20))
limit "MemoryMax=$((used + 16))M"
expect_within 10 "it gives back what others need" has_given_back polite
expect_within 10 "and holds less" resident_is polite 20 130
expect_status 0 "revert" faultctl revert polite
limit MemoryMax=300M

echo "== killed for want of memory"
# In a cgroup with somebody who takes all, while it cannot give back.
crowded=/sys/fs/cgroup/crowded
mkdir "$crowded"
echo 200M >"$crowded/memory.max"
expect_status 0 "memory" faultctl memory --id greedy --size 150MiB --ramp 10s --for 10m
greedy=$(pid_of greedy)
echo "$greedy" >"$crowded/cgroup.procs"
expect_within 30 "memory is resident" resident_is greedy 150 180
kill -STOP "$greedy"
bash -c "echo \$\$ >$crowded/cgroup.procs; exec python3 -c 'taken = bytearray(b\"x\") * (240 << 20)'" || true
expect_within 10 "the fault has failed" has_failed greedy
expect_said "the kernel killed stress process $greedy because memory ran out (OOM killer)"
expect_equal "the daemon" "$(main_pid)" "$daemon"
expect_active bystander
expect_status 0 "revert" faultctl revert --all
limit MemoryMax=infinity
expect_within 5 "nothing is left" stress_is_gone
rmdir "$crowded"

echo "== no process to be had"
limit "TasksMax=$(cat "$unit_cgroup/pids.current")"
expect_refused "Resource temporarily unavailable" faultctl cpu --load 5 --for 1m
limit TasksMax=infinity
expect_equal "the daemon" "$(main_pid)" "$daemon"
expect_within 5 "nothing is left" stress_is_gone

echo "== system calls forbidden"
mkdir -p /run/systemd/system/faultd.service.d
printf '[Service]\nSystemCallFilter=~sched_setaffinity\nSystemCallErrorNumber=EPERM\n' \
  >/run/systemd/system/faultd.service.d/filter.conf
systemctl daemon-reload
expect_status 0 "restart" systemctl restart faultd
expect_refused "Operation not permitted" faultctl cpu --load 5 --for 1m
expect_within 5 "nothing is left" stress_is_gone
expect_status 0 "memory all the same" faultctl memory --size 10MiB --for 1m
expect_status 0 "stop" systemctl stop faultd
expect_within 5 "nothing is left" stress_is_gone
expect_status 1 "processes of ours" pgrep faultd
