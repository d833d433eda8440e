#!/usr/bin/env bash
# The packages: installed, upgraded, downgraded, removed and purged, all in the middle of faults. The
# host is put back first, every time, and nothing stays.
set -euo pipefail
. "$(dirname "$0")/host.sh"

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

# The machine comes with the files of faultd, of no package.
rm -rf /usr/{bin/faultctl,sbin/faultd*,libexec/faultd,lib/systemd/system/faultd*}
systemctl daemon-reload
make_peer
before=$(snapshot)
nothing=$(names)

echo "== install, after $SECONDS s"
expect_status 0 "apt-get install" apt-get --yes --no-install-recommends install "./$old"
expect_equal "not enabled, not started" \
  "$(systemctl is-enabled faultd || true) $(systemctl is-active faultd || true)" "disabled inactive"
expect_status 0 "enable --now" systemctl enable --now --quiet faultd
expect_status 0 "faultctl doctor" faultctl doctor
expect_equal "socket" "$(stat -c '%a %U %G' /run/faultd/faultd.sock)" "660 root faultd"
expect_equal "helpers" "$(realpath "/proc/$(pgrep --full -- --watch)/exe")" /usr/libexec/faultd/faultd-guardian
echo '# mine' >>/etc/faultd/faultd.toml

for direction in upgrade downgrade; do
  echo "== $direction"
  package=$([[ $direction == upgrade ]] && echo "$new" || echo "$old")
  inject $direction
  daemon=$(main_pid)
  expect_status 0 "dpkg --install" dpkg --install "$package"
  expect_equal "version" "$(dpkg-query --show --showformat '${Version}' faultd)" \
    "$(dpkg-deb --field "$package" Version)"
  expect_no_fault
  expect_within 20 "service is back" service_is_back
  expect_status 1 "kill the daemon before" kill -0 "$daemon"
  expect_equal "configuration is kept" "$(tail -n 1 /etc/faultd/faultd.toml)" "# mine"
done

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

echo "== removed with a record that nobody can revert now, after $SECONDS s"
expect_status 0 "dpkg --install" dpkg --install "$old"
systemctl stop faultd
head -c 300 /dev/urandom >/var/lib/faultd/journal/torn.record
expect_status 0 "it is told" said "NOT EVERYTHING IS AS IT WAS" dpkg --remove faultd
expect_status 0 "purge tells as well" said "DELETING UNDO RECORDS" dpkg --purge faultd
expect_equal "what is left" "$(names)" "$nothing"

echo "== purge, after $SECONDS s"
expect_status 0 "dpkg --install" dpkg --install "$new"
expect_status 0 "enable --now" systemctl enable --now --quiet faultd
inject purged
expect_status 0 "apt-get purge" apt-get --yes purge faultd
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
