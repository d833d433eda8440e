# shellcheck shell=bash
# What the test scripts measure and assert with; to be sourced.

# rtt_ms ADDRESS: the median round-trip time of five pings, in milliseconds.
rtt_ms() {
  ping -n -c 5 -i 0.2 -W 2 "$1" | sed -n 's/.* time=\([0-9.]*\) ms/\1/p' | sort -n | sed -n 3p
}

# expect_between WHAT VALUE LOW HIGH
expect_between() {
  if ! awk -v value="$2" -v low="$3" -v high="$4" 'BEGIN { exit !(value != "" && value >= low && value <= high) }'; then
    echo "FAIL $1: ${2:-nothing}, expected $3 to $4"
    exit 1
  fi
  echo "ok   $1: $2"
}
