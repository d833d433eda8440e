# shellcheck shell=bash disable=SC2034
# What the scripts in this folder share; to be sourced.

repo_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Where the lab machine, User Mode Linux and the demo take the binaries from.
bin_dir=${FAULTD_BIN_DIR:-$repo_root/build/release/bin}

packages_build=(
  build-essential cmake ninja-build pkg-config git ca-certificates ccache mold
  libgrpc++-dev libgrpc-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  libabsl-dev libre2-dev libc-ares-dev libssl-dev zlib1g-dev
  libboost1.81-dev libnl-3-dev libnl-route-3-dev libkmod-dev libseccomp-dev libsystemd-dev
  libspdlog-dev libfmt-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev
  libgtest-dev libgmock-dev libbenchmark-dev libclang-rt-14-dev
)
packages_test=(
  iproute2 nftables iptables iputils-ping ethtool procps util-linux e2fsprogs stress-ng fio
  python3 python3-grpcio python3-protobuf python3-botocore python3-yaml awscli netcat-openbsd
  python3-prometheus-client spin valgrind
)
packages_lab=(
  qemu-system-x86 mmdebstrap e2fsprogs cpio kmod user-mode-linux
)
# The cross compiler, what its libraries come by, and what runs the result; see need_sysroot.
packages_arm64=(g++-aarch64-linux-gnu mmdebstrap qemu-user)
packages_package=(dpkg-dev binutils rpm cpio)
packages_package_lint=(lintian rpmlint mandoc)
packages_coverage=(gcovr)
packages_lint=(clang-format-19 clang-tidy-19 cppcheck shellcheck)

log() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  log "$@"
  exit 1
}

# retry COMMAND...: for what fails when a network does.
retry() {
  local attempt
  for attempt in 1 2 3; do
    "$@" && return
    log "attempt $attempt of 4 failed: $1; trying again"
    sleep $((attempt * 5))
  done
  "$@"
}

install() {
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 --no-install-recommends)
  "${apt[@]}" --simulate install "$@" >/dev/null 2>&1 || "${apt[@]}" update
  "${apt[@]}" --yes install "$@" >/dev/null && return
  "${apt[@]}" update # the mirror may have newer packages than the list
  return 1
}

# need_packages GROUP...: installs what is missing of these groups (build test lab arm64 package package_lint coverage lint).
need_packages() {
  local group list wanted=() missing
  for group in "$@"; do
    list="packages_${group}[@]"
    wanted+=("${!list}")
  done
  # dpkg-query fails for a package it has never heard of, and so would the pipe.
  missing=$({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true; } |
    sed -n 's/^installed //p' | sort -u |
    comm -13 - <(printf '%s\n' "${wanted[@]}" | sort -u) | xargs)
  [[ -z $missing ]] && return
  if [[ $EUID -ne 0 ]]; then
    log "packages are missing; install them as root: apt-get install $missing"
    return 1
  fi
  log "installing $missing"
  # shellcheck disable=SC2086 # package names have no blanks
  DEBIAN_FRONTEND=noninteractive retry install $missing >&2
}

# need_sysroot: unpacks, not installs, the libraries of the build for arm64 (17 s, 400 MB), so that this
# machine's packages stay as they are. FAULTD_LAB_MIRROR as for the lab machine.
need_sysroot() {
  local sysroot=$repo_root/build/sysroot-arm64 libraries
  libraries=$(printf '%s\n' "${packages_build[@]}" | grep -e '-dev$' | grep -v clang | xargs)
  [[ $libraries == "$(cat "$sysroot/libraries" 2>/dev/null)" ]] && return
  log "unpacking the libraries of the build for arm64, once"
  mkdir -p "$repo_root/build"
  retry unpack_sysroot "$sysroot.new"
  # An emulated program would see these instead of this machine's.
  rm -rf "$sysroot.new"/{dev,etc,tmp,var}
  echo "$libraries" >"$sysroot.new/libraries"
  rm -rf "$sysroot"
  mv "$sysroot.new" "$sysroot"
}

unpack_sysroot() {
  rm -rf "$1"
  mmdebstrap --quiet --variant=extract --architectures=arm64 --include="$libraries" \
    --aptopt='Acquire::Retries "3"' bookworm "$1" ${FAULTD_LAB_MIRROR:+"$FAULTD_LAB_MIRROR"} >&2
}

# begin_job PARENT: makes the folder $job, which goes with the script, as does the machine run for it.
begin_job() {
  job=$(mktemp -d "$1/faultd-XXXXXX")
  machine=
  trap end_job EXIT
}

end_job() {
  [[ -z $machine ]] || kill "$machine" || true
  rm -rf "$job"
}

# follow PID FILE: copies a growing file to standard output until the process has ended.
follow() { tail --pid="$1" --sleep-interval=0.05 --lines=+1 --follow -- "$2"; }

# run_machine SECONDS EMULATOR...: runs an emulator whose guest runs scripts/machine/run with the files
# stdout, stderr and status in $job; streams the first two and exits with the third.
run_machine() {
  local seconds=$1 ended=0
  touch "$job"/{stdout,stderr,status}
  timeout --kill-after=5 "$seconds" "${@:2}" </dev/null >>"$job/console" 2>&1 &
  machine=$!
  follow "$machine" "$job/stdout" &
  follow "$machine" "$job/stderr" >&2 &
  wait "$machine" || ended=$?
  machine=
  wait
  [[ -s $job/status ]] && exit "$(<"$job/status")"
  tail --lines=40 "$job/console" >&2
  if [[ $ended -eq 124 ]]; then
    log "the command did not end within $seconds s"
    exit 124
  fi
  log "the machine went down before the command had ended; the last lines of its console are above"
  exit 125
}
