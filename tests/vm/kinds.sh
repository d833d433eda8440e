# shellcheck shell=bash
# Every kind of fault on the host with faultd and the peer: injected, its effect measured, reverted; to be
# sourced after host.sh.

kind_id() { echo "kind-$1"; }
# begin KIND OPTION...
begin() { expect_status 0 "$1" faultctl "$1" --id "$(kind_id "$1")" --for 10m "${@:2}"; }
# Longer than a call of AWS that fails and is made again.
end() { expect_status 0 "revert $1" faultctl revert --timeout 2m "$(kind_id "$1")"; }

# lost_percent ADDRESS: of a hundred pings.
lost_percent() { ping -n -q -c 100 -i 0.005 -W 1 "$1" | sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p'; }
# has_moved ID BYTES: read and written by its stress process.
has_moved() { (($(awk '/^[rw]char:/ { sum += $2 } END { print sum }' "/proc/$(pid_of "$1")/io") >= $2)); }

every_kind() {
  local free
  begin latency --delay 100ms --to 10.9.0.2 --interface up0
  expect_between "RTT" "$(rtt_ms 10.9.0.2)" 98 140
  end latency
  expect_between "RTT" "$(rtt_ms 10.9.0.2)" 0 40

  begin loss --percent 50 --to 10.9.0.2 --interface up0
  expect_between "packets lost, per cent" "$(lost_percent 10.9.0.2)" 25 75
  end loss
  expect_equal "packets lost, per cent" "$(lost_percent 10.9.0.2)" 0

  begin blackhole --to 10.9.0.3 --interface up0
  expect_status 1 "ping into the blackhole" ping -q -c 1 -W 0.5 10.9.0.3
  expect_status 0 "ping beside it" ping -q -c 1 -W 2 10.9.0.2
  end blackhole
  expect_status 0 "ping" ping -q -c 1 -W 2 10.9.0.3

  begin cpu --load 50 --cores 1
  expect_between "CPU time used, per cent" "$(cpu_percent kind-cpu)" 25 56
  end cpu

  begin memory --size 60MiB
  expect_within 20 "memory is resident" resident_is kind-memory 60 90
  end memory

  free=$(free_mib /var/tmp)
  begin disk-fill --path /var/tmp --size 500MiB
  expect_within 20 "room is taken" has_free /var/tmp $((free - 520)) $((free - 495))
  end disk-fill
  expect_within 20 "room is back" has_free /var/tmp $((free - 10)) $((free + 10))

  begin disk-io --path /var/tmp --file-size 16MiB --block 64KiB
  expect_within 20 "bytes are read and written" has_moved kind-disk-io $((8 << 20))
  end disk-io
  expect_within 20 "room is back" has_free /var/tmp $((free - 10)) $((free + 10))
  expect_status 1 "a stress process" pgrep --exact faultd-stress

  begin ecs-drain
  expect_equal "container instance" "$(instance_status)" DRAINING
  end ecs-drain
  expect_equal "container instance" "$(instance_status)" ACTIVE
}

# What journalctl FAULT_ID=… tells of each: its kind, who wanted it and what became of it.
expect_stories() {
  local kind state stories=() matches=()
  for kind in latency loss blackhole cpu memory disk_fill disk_io ecs_drain; do
    matches+=("FAULT_ID=$(kind_id "${kind/_/-}")")
    for state in ACTIVE REVERTED; do
      stories+=("$(kind_id "${kind/_/-}") $kind uid=0(root) $state")
    done
  done
  journalctl --sync
  expect_equal "stories" "$(journalctl --quiet --output json "${matches[@]}" | python3 -c '
import json, sys
for line in map(json.loads, sys.stdin):
    if "AUDIT" not in line:  # the requests, which are about the fault as well
        print(line["FAULT_ID"], line["KIND"], line["ACTOR"].split()[0], line["STATE"])')" \
    "$(printf '%s\n' "${stories[@]}")"
}
