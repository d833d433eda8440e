"""Everything on this host that the software can touch, as text that two looks at can be compared by."""

import difflib
import os
import re
import socket
import stat
import subprocess
import time

import lab

# Of a file system in memory the size of a directory is that of its names, which is no difference of its own.
IGNORED_FILES = re.compile(
    r"/(log|notify|faultd\.toml|policy\.toml|page|hosts|HALT"
    r"|run/faultd\.sock(\.new)?"  # stays after a crash until the next start
    r"|(state|lib/faultd)/journal/.*\.aside"  # records that cannot be read are kept
    r"|(state|lib/faultd)/safety-lever\.json|audit|audit/.*)$")
NUMBERS = re.compile(r"^\d+: |@if\d+|@\w+(?=:)|link-netnsid \d+|numtxqueues.*|promiscuity \d+ +|allmulti \d+ +|\w+_timer +[0-9.]+")


# See agent/kernel/flower_state.h for the priorities.
OUR_FILTER = re.compile(r"^filter .*\bpref (6[45]\d{3}) flower")


def batch(program, lines, *options):
    done = subprocess.run([program, *options, "-force", "-batch", "-"], input="".join(line + "\n" for line in lines),
                          capture_output=True, text=True)
    return done.stdout


def blocks(text):
    """Entries with the lines that belong to them, in an order that does not depend on their age."""
    return sorted(re.sub(r"\s+", " ", NUMBERS.sub("", entry)).strip() for entry in re.split(r"\n(?=\S)", text.strip()))


def links():
    return blocks(batch("ip", ["address show"], "-d"))


def routes():
    commands = ["route show table all", "rule show"]
    return [f"{family} {line.rstrip()}" for family in ("-4", "-6") for line in sorted(batch("ip", commands, family).splitlines())]


def looks_at_filters(name):
    return [f"filter show dev {name} {hook}" for hook in ("root", "ingress", "egress")]


def qdiscs():
    looks = [look for _, name in socket.if_nameindex() for look in looks_at_filters(name)]
    return blocks(batch("tc", ["qdisc show", *looks]))


def has_foreign_filters(name):
    entries = blocks(batch("tc", looks_at_filters(name)))
    return any(each.startswith("filter") and not OUR_FILTER.search(each) for each in entries)


def ruleset():
    return re.sub(r"counter packets \d+ bytes \d+", "counter", lab.run("nft", "list", "ruleset")).splitlines()


def sysctls():
    found = []
    for directory in ("net/ipv4/conf", "net/ipv6/conf"):
        for name in ("all", "default", "lo", "up0", "up1"):
            path = f"/proc/sys/{directory}/{name}"
            for key in sorted(os.listdir(path)) if os.path.isdir(path) else ():
                # Random numbers, which some interfaces get when they first need them.
                if key not in ("stable_secret", "mtu"):
                    found.append(f"{path}/{key} = {read(os.path.join(path, key))}")
    for key in ("net/ipv4/ip_forward", "vm/overcommit_memory", "vm/swappiness", "kernel/core_pattern"):
        found.append(f"{key} = {read('/proc/sys/' + key)}")
    return found


def read(path):
    try:
        with open(path, encoding="utf8") as file:
            return file.read().strip()
    except OSError as error:
        return error.strerror


def processes():
    """Of this namespace of processes, which is the harness's own."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        line = read(f"/proc/{pid}/stat")
        name, _, rest = line.partition("(")[2].rpartition(") ")
        if rest and rest[0] != "Z" and int(pid) != os.getpid() and name not in ("python3", "faultd-proof"):
            found.append(f"{name}: {read(f'/proc/{pid}/cmdline')}")
    return sorted(found)


def own_cgroup():
    """Where this process is in cgroup v2, and so the daemon."""
    with open("/proc/mounts", encoding="ascii") as file:
        mounts = [line.split()[1] for line in file if line.split()[2] == "cgroup2"]
    with open("/proc/self/cgroup", encoding="ascii") as file:
        paths = [line.strip()[3:] for line in file if line.startswith("0::")]
    return mounts[0] + paths[0].rstrip("/") if mounts and paths else ""


def cgroups(prefix):
    """Those of our daemon: other daemons may have theirs beside them."""
    parent = own_cgroup()
    return sorted(name for name in os.listdir(parent) if name.startswith(prefix)) if parent else []


def mounts():
    """Of this namespace of mounts. Those of others go from it when what they were on is removed."""
    with open("/proc/self/mountinfo", encoding="utf8") as file:
        return sorted(" ".join(line.split()[3:]) for line in file)


def files(directories):
    found = []
    for top in directories:
        for path, names, plain in os.walk(top):
            for name in names + plain:
                whole = os.path.join(path, name)
                try:
                    info = os.lstat(whole)
                except FileNotFoundError:
                    continue
                if IGNORED_FILES.search(whole):
                    continue
                size = 0 if stat.S_ISDIR(info.st_mode) else info.st_size
                found.append(f"{whole} {stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid} {size}")
    return sorted(found)


def room(directories):
    """Files without a name show only here."""
    found = []
    for directory in directories:
        info = os.statvfs(directory)
        found.append(f"{directory}: {info.f_blocks - info.f_bfree} blocks, {info.f_files - info.f_ffree} inodes")
    return found


def clock_offset():
    """Of the wall clock, in whole seconds; NTP may move it a little."""
    return [str(round(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME), -1))]


def take(host):
    return {
        "links and addresses": links(),
        "routes and rules": routes(),
        "qdiscs and filters": qdiscs(),
        "nftables": ruleset(),
        "sysctls": sysctls(),
        "processes": processes(),
        "cgroups": cgroups(host.cgroup_prefix),
        "mounts": [each for each in mounts() if each not in host.mounts_of_others],
        "files": files(host.directories),
        "room": room(host.fill_directories),
        "clock": clock_offset(),
        "ECS": [host.ecs_status()],
        "packets": [f"{address}: {lab.ping(address, timeout=2)[0]}" for address in (host.network.v4(3), host.network.v6(3))],
    }


def differences(before, after):
    """Lines that say what differs; none if nothing does."""
    return [f"{section}: {line}" for section in before
            for line in difflib.ndiff(before[section], after[section]) if line[0] in "+-"]
