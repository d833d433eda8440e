# shellcheck shell=bash
# The lab machine as a host with faultd installed, as its package does it, and a peer; to be sourced.

. "$(dirname "${BASH_SOURCE[0]}")/expect.sh"

# A machine is gone after its test, so a test that fails tells what it saw of the host.
tell() {
  echo "== faults, the service's log and the kernel's, at the failure"
  timeout 10 faultctl list --all || true
  journalctl --quiet --boot --no-hostname --unit faultd --lines 40 || true
  dmesg | tail -n 20
}
trap '[[ $? -eq 0 || $? -eq 77 ]] || tell' EXIT

# install_faultd: binaries and unit are in their places.
install_faultd() {
  install -D -m 644 systemd/faultd.sysusers /usr/lib/sysusers.d/faultd.conf
  install -D -m 644 packaging/faultd.toml /etc/faultd/faultd.toml
  install -D -m 644 packaging/policy.toml /etc/faultd/policy.toml
  systemd-sysusers
}

# make_peer: another host at 10.9.0.2 to .4, behind the interface up0.
make_peer() {
  ip netns add peer
  ip link add up0 type veth peer name down0 netns peer
  udevadm settle # gives it another hardware address
  ip addr add 10.9.0.1/24 dev up0
  ip link set up0 up
  ip -n peer link set down0 up
  for n in 2 3 4; do
    ip -n peer addr add "10.9.0.$n/24" dev down0
  done
  expect_between "RTT before all" "$(rtt_ms 10.9.0.2)" 0 40
  # Until the link's own address is usable, snapshots differ.
  until [[ -z $(ip addr show tentative) ]]; do sleep 0.1; done
}

# snapshot: all that faults can touch, as text. Addresses from router advertisements count down.
snapshot() { list_all | sed -E 's/[0-9]+sec/sec/g'; }

list_all() {
  local link
  ip -d link
  ip addr
  ip route
  ip -6 route
  tc qdisc
  for link in $(ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
    printf 'filter show dev %s\n' "$link root" "$link ingress" "$link egress"
  done | tc -force -batch - 2>/dev/null || true
  nft list ruleset
  find /var/lib/faultd/journal -name '*.record' 2>/dev/null || true
}

# expect_host_as SNAPSHOT
expect_host_as() {
  if ! diff <(echo "$1") <(snapshot); then
    echo "FAIL the host is as before: it is not, see above"
    exit 1
  fi
  echo "ok   the host is as before"
}

# kernel_is_clean, service_is_back: quick looks, for waiting.
kernel_is_clean() { [[ $(ip -o link; nft list tables) != *faultd* ]]; }
journal_is_empty() { ! compgen -G '/var/lib/faultd/journal/*.record' >/dev/null; }
is_clean() { kernel_is_clean && journal_is_empty; }
service_is_back() { [[ $(systemctl is-active faultd) == active ]] && faultctl list >/dev/null; }

# main_pid: of the daemon.
main_pid() { systemctl show --property MainPID --value faultd; }

# expect_said TEXT...: the service has logged a line with each since the machine's start.
expect_said() {
  local text log
  # A guardian that is done may be gone before journald has looked up which unit it belongs to.
  log=$(journalctl --quiet --boot --output cat _SYSTEMD_UNIT=faultd.service + UNIT=faultd.service + \
    SYSLOG_IDENTIFIER=faultd-guardian)
  for text in "$@"; do
    if [[ $log != *"$text"* ]]; then
      echo "$log" | tail -n 30
      echo "FAIL the log says \"$text\": it does not; its last lines are above"
      exit 1
    fi
    echo "ok   the log says \"$text\""
  done
}

# cgroup_of ID, pid_of ID: of the stress process of a fault.
unit_cgroup=/sys/fs/cgroup/system.slice/faultd.service
cgroup_of() { compgen -G "$unit_cgroup/faultd-*-$1" || true; }
pid_of() { pgrep --full -- "faultd-stress --fault $1 "; }
resident_mib() { awk '/^Rss:/ { print int($2 / 1024) }' "/proc/$(pid_of "$1")/smaps_rollup"; }
# resident_is ID LOW HIGH
resident_is() { (($(resident_mib "$1") >= $2 && $(resident_mib "$1") <= $3)); }
# give_backs ID: how many times the fault has made room.
give_backs() { faultctl get "$1" --json | sed -n 's/.*"give_backs": *\([0-9]*\).*/\1/p'; }
has_given_back() { (($(give_backs "$1") > 0)); }
has_failed() { [[ $(faultctl get "$1") == *" failed"* ]]; }

usage_us() { awk '$1 == "usage_usec" { print $2 }' "$(cgroup_of "$1")/cpu.stat"; }
# cpu_percent ID: what its stress process takes of one core.
cpu_percent() {
  local start begin=${EPOCHREALTIME/./}
  start=$(usage_us "$1")
  sleep 4
  echo "$((($(usage_us "$1") - start) * 100 / (${EPOCHREALTIME/./} - begin)))"
}

# expect_active ID
expect_active() {
  if ! grep --quiet "^$1 active" <(faultctl get "$1"); then
    faultctl list --all
    faultctl get "$1"
    dmesg | grep --ignore-case "oom\|killed" | tail -n 20
    echo "FAIL $1 is active: it is not, see above"
    exit 1
  fi
  echo "ok   $1 is active"
}

# free_mib DIRECTORY; has_free DIRECTORY LOW HIGH: room on its file system, in MiB.
free_mib() { echo "$(($(df --block-size 1M --output=avail "$1" | tail -n 1)))"; }
has_free() { (($(free_mib "$1") >= $2 && $(free_mib "$1") <= $3)); }

# start_aws STATE: a stand-in for AWS, instance metadata and ECS agent, which outlives the service. STATE is
# where it begins, {} or as tests/e2e/aws_stand_in.py says.
start_aws() {
  # Else who asks before it listens may get this very port for his own end, and then talks to himself.
  echo 51678 >/proc/sys/net/ipv4/ip_local_reserved_ports
  # shellcheck disable=SC2016 # $0 belongs to the other shell
  systemd-run --quiet --unit aws --property Before=faultd.service --property "WorkingDirectory=$PWD" \
    bash -c 'tail -f /dev/null | exec python3 -B tests/e2e/aws_stand_in.py --port 51678 --state "$0"' "$1"
  expect_within 120 "the stand-in for AWS answers" aws_is_there
}
aws_is_there() { [[ -n $(instance_status) ]]; }

# use_aws: the service does so from its next start on.
use_aws() {
  local url=http://127.0.0.1:51678
  printf '%s\n' "AWS_ENDPOINT_URL=$url" "AWS_EC2_METADATA_SERVICE_ENDPOINT=$url" >/etc/default/faultd
}

# instance_status: of the container instance, as the stand-in has it. In a shell of its own, which is what
# ends when nobody listens.
instance_status() (
  exec 3<>/dev/tcp/127.0.0.1/51678
  printf 'GET /_/state HTTP/1.0\r\n\r\n' >&3
  timeout 10 sed -n 's/.*"instance_status": "\([A-Z]*\)".*/\1/p' <&3
)
instance_is() { [[ $(instance_status) == "$1" ]]; }
