#!/usr/bin/env bash
# The packages: installed, every kind of fault made with what they brought, then upgraded, removed and purged, all
# in the middle of faults. The host is put back first, every time, and nothing stays.
set -euo pipefail
. "$(dirname "$0")/host.sh"
. "$(dirname "$0")/kinds.sh"

export DEBIAN_FRONTEND=noninteractive DPKG_FORCE=confold,downgrade,unsafe-io
old=$(echo packages/faultd_*.deb) new=$(echo packages/new/faultd_*.deb)

# names: everything on disk that is named after us, and what systemd knows of us.
names() {
  find /etc /usr /var -xdev -maxdepth 5 -path '/usr/lib/[mp][oy]*' -prune -o -name '*fault[dc]*' -print
  compgen -G '/run/faultd*' || true
  getent group faultd || true
  systemctl list-unit-files --no-legend 'faultd*' || true
}

# said TEXT COMMAND...: whether what the command prints has the text in it.
said() { [[ $("${@:2}" 2>&1) == *"$1"* ]]; }

inject() {
  expect_status 0 "noop" faultctl noop --id "$1-noop" --for 10m
  expect_status 0 "blackhole" faultctl blackhole --id "$1-lost" --to 10.9.0.3 --interface up0 --for 10m
  expect_status 0 "cpu" faultctl cpu --id "$1-cpu" --load 5 --cores 1 --for 10m
  expect_status 1 "ping into the blackhole" ping -q -c 1 -W 0.5 10.9.0.3
}

expect_no_fault() {
  expect_status 0 "ping" ping -q -c 1 -W 2 10.9.0.3
  expect_status 1 "a stress process" pgrep --exact faultd-stress
  expect_host_as "$before"
}

# The machine comes with the unit, which is of no package.
rm -f /usr/lib/systemd/system/faultd*
make_peer
use_aws
start_aws '{}'
before=$(snapshot)
nothing=$(names)

echo "== install, after $SECONDS s"
expect_status 0 "dpkg --install" dpkg --install "$old"
expect_equal "not enabled, not started" \
  "$(systemctl is-enabled faultd || true) $(systemctl is-active faultd || true)" "disabled inactive"
expect_status 0 "enable --now" systemctl enable --now --quiet faultd
expect_status 0 "faultctl doctor --strict" faultctl doctor --strict
expect_equal "socket" "$(stat -c '%a %U %G' /run/faultd/faultd.sock)" "660 root faultd"
expect_equal "helpers" "$(realpath "/proc/$(pgrep --full -- --watch)/exe")" /usr/libexec/faultd/faultd-guardian

echo "== every kind, after $SECONDS s"
every_kind
expect_host_as "$before"
expect_stories

echo "== upgrade, after $SECONDS s"
echo '# mine' >>/etc/faultd/faultd.toml
inject upgrade
daemon=$(main_pid)
expect_status 0 "dpkg --install" dpkg --install "$new"
expect_equal "version" "$(dpkg-query --show --showformat '${Version}' faultd)" \
  "$(dpkg-deb --field "$new" Version)"
expect_no_fault
expect_within 20 "service is back" service_is_back
expect_status 1 "kill the daemon before" kill -0 "$daemon"
expect_equal "configuration is kept" "$(tail -n 1 /etc/faultd/faultd.toml)" "# mine"

echo "== a daemon that the package does not know keeps its guardian, after $SECONDS s"
systemctl disable --now --quiet faultd
/usr/sbin/faultd 2>/dev/null &
expect_within 20 "it serves" faultctl list
expect_status 1 "dpkg --remove" dpkg --remove faultd
expect_equal "guardian" "$(pgrep --full --count -- --watch)" 1
kill %1
wait %1
expect_status 0 "enable --now" systemctl enable --now --quiet faultd

echo "== remove, after $SECONDS s"
inject removed
expect_status 0 "apt-get remove" apt-get --yes remove faultd
expect_no_fault
expect_status 1 "processes of ours" pgrep faultd
expect_equal "configuration is kept" "$(tail -n 1 /etc/faultd/faultd.toml)" "# mine"

echo "== purge, with a record that nobody can revert now, after $SECONDS s"
expect_status 0 "dpkg --install" dpkg --install "$old"
expect_status 0 "start" systemctl start faultd
inject purged
head -c 300 /dev/urandom >/var/lib/faultd/journal/torn.record
told=$(apt-get --yes purge faultd 2>&1)
for text in "NOT EVERYTHING IS AS IT WAS" "DELETING UNDO RECORDS"; do
  expect_status 0 "it says $text" said "$text" echo "$told"
done
expect_no_fault
expect_equal "what is left" "$(names)" "$nothing"

echo "== rpm, after $SECONDS s"
rpm=(rpm --nodeps --quiet)
install -D <(echo 'disable *') /etc/systemd/system-preset/99-default-disable.preset # as RHEL has it
expect_status 0 "install" "${rpm[@]}" --install packages/*.rpm
expect_equal "no file differs" "$(rpm --verify --nodeps faultd)" ""
expect_equal "not enabled" "$(systemctl is-enabled faultd || true)" disabled
expect_status 0 "enable --now" systemctl enable --now --quiet faultd
expect_equal "socket" "$(stat -c '%a %U %G' /run/faultd/faultd.sock)" "660 root faultd"
inject rpm
daemon=$(main_pid)
expect_status 0 "upgrade" "${rpm[@]}" --upgrade packages/new/*.rpm
expect_no_fault
expect_within 20 "service is back" service_is_back
expect_status 1 "kill the daemon before" kill -0 "$daemon"
inject rpm-again
expect_status 0 "erase" "${rpm[@]}" --erase faultd
expect_no_fault
groupdel faultd # stays, as is usual for RPMs
expect_equal "what is left" "$(names)" "$nothing"
