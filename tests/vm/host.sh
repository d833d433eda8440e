# shellcheck shell=bash
# The lab machine as a host with faultd installed, as its package does it, and a peer; to be sourced.

. "$(dirname "${BASH_SOURCE[0]}")/expect.sh"

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
  log=$(journalctl --quiet --unit faultd --boot --output cat)
  for text in "$@"; do
    if [[ $log != *"$text"* ]]; then
      echo "$log" | tail -n 30
      echo "FAIL the log says \"$text\": it does not; its last lines are above"
      exit 1
    fi
    echo "ok   the log says \"$text\""
  done
}
