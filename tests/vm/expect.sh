# shellcheck shell=bash
# What the test scripts measure and assert with; to be sourced.

# rtt_ms ADDRESS: the shortest round-trip time of five pings, in milliseconds: a busy machine only adds.
rtt_ms() {
  ping -n -c 5 -i 0.05 -W 2 "$1" | sed -n 's/.* time=\([0-9.]*\) ms/\1/p' | sort -n | head -n 1
}

# expect_between WHAT VALUE LOW HIGH
expect_between() {
  if ! awk -v value="$2" -v low="$3" -v high="$4" 'BEGIN { exit !(value != "" && value >= low && value <= high) }'; then
    echo "FAIL $1: ${2:-nothing}, expected $3 to $4"
    exit 1
  fi
  echo "ok   $1: $2"
}

# expect_equal WHAT VALUE EXPECTED
expect_equal() {
  if [[ $2 != "$3" ]]; then
    echo "FAIL $1: $2, expected $3"
    exit 1
  fi
  echo "ok   $1: $2"
}

# expect_within SECONDS WHAT COMMAND...: waits for the command to succeed, and says how long it took.
expect_within() {
  local start=${EPOCHREALTIME/./} now
  until "${@:3}" 2>/dev/null; do
    now=${EPOCHREALTIME/./}
    if ((now - start > $1 * 1000000)); then
      echo "FAIL $2: not within $1 s"
      exit 1
    fi
    sleep 0.02
  done
  now=${EPOCHREALTIME/./}
  echo "ok   $2: after $(((now - start) / 1000)) ms"
}

# expect_status STATUS WHAT COMMAND...: what the command prints is shown only when it ends otherwise.
expect_status() {
  local output status=0
  output=$("${@:3}" 2>&1) || status=$?
  [[ $status -eq $1 ]] || echo "$output"
  expect_equal "exit status, $2" "$status" "$1"
}

# expect_refused TEXT COMMAND...: the command fails, and what it prints has the text in it.
expect_refused() {
  local output
  if output=$("${@:2}" 2>&1); then
    echo "FAIL $2 $3 is refused: it is not"
    exit 1
  fi
  if [[ $output != *"$1"* ]]; then
    echo "$output"
    echo "FAIL the refusal says \"$1\": it does not, see above"
    exit 1
  fi
  echo "ok   refused: $output"
}
