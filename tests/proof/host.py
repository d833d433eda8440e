"""One host: a network with a peer, file systems to fill, AWS's stand-in, and whatever daemons run on it."""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import time
import zlib

import grpc

import aws_lab
import lab
import snapshot
from hook import Hook

# Where nothing but a hanging program gets to.
LONGEST = 60

# What is on a link of ours, also when a vandal has given it another name.
DEV_OF_OURS = re.compile(r"dev (faultd|renamed\d)")


class HostDaemon(lab.Daemon):
    """May be killed at any moment, also while it starts."""

    def wait_for_ready(self, notifications):
        until = time.monotonic() + LONGEST
        while time.monotonic() < until and self.process.poll() is None:
            if select.select([notifications], [], [], 0.02)[0] and b"READY=1" in notifications.recv(4096):
                return
            if state_of(self.process.pid) == "T":
                return

    def open(self):
        """A connection that notices soon that there is another daemon."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100)]
        return grpc.insecure_channel(f"unix:{self.socket}", options)


def state_of(pid):
    """A letter as in /proc/PID/stat; "" if there is no such process."""
    return snapshot.read(f"/proc/{pid}/stat").rpartition(") ")[2][:1] if os.path.exists(f"/proc/{pid}") else ""


def is_well(pid):
    """Neither stopped nor about to die of a signal that it has been sent."""
    status = dict(line.split(":\t", 1) for line in snapshot.read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    deadly = sum(1 << (number - 1) for number in (signal.SIGKILL, signal.SIGSEGV))
    pending = int(status.get("SigPnd", "0"), 16) | int(status.get("ShdPnd", "0"), 16)
    return state_of(pid) not in ("T", "Z", "") and pending & deadly == 0 and snapshot.read(f"/proc/{pid}/cmdline") != ""


class Host:
    def __init__(self, steering=None):
        # Beside those of other workers.
        lab.run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
        self.mounts_of_others = set(snapshot.mounts())
        self.base = tempfile.mkdtemp(prefix="faultd-proof-")
        lab.run("mount", "-t", "tmpfs", "-o", "mode=700,size=8m", "tmpfs", self.base)
        self.fill = os.path.join(self.base, "fill")
        self.state = os.path.join(self.base, "state")
        for path, options in ((self.fill, "size=16m,nr_inodes=500"), (self.state, "size=512k")):
            os.mkdir(path)
            lab.run("mount", "-t", "tmpfs", "-o", "mode=700," + options, "tmpfs", path)
        self.directories, self.fill_directories = [self.base], [self.fill]
        self.hosts, self.halt = os.path.join(self.base, "hosts"), os.path.join(self.base, "HALT")
        self.name_database(3)
        lab.run("mount", "--bind", self.hosts, "/etc/hosts")
        self.config = (f'[network]\nsteering = "{steering or "auto"}"\nresolve_interval = "1s"\nresolve_grace = "0s"\n'
                       f'[guards]\nfiles = ["{self.halt}"]\n')
        self.cgroup_prefix = f"faultd-{zlib.crc32(self.state.encode()):08x}-"
        self.hook = Hook(os.path.join(self.base, "page"))
        self.network = lab.Network()
        self.aws = None
        self.known = None  # what is on this host, as of the last look
        self.log_path, self.log_pipe = os.path.join(self.base, "log"), None
        self.daemons = []
        self.stubs = None
        self.prepare_network()
        # Directories and files that every start leaves.
        self.start()
        self.stop_all()

    def prepare_network(self):
        """A second interface, and what a stranger may have there before us, to find it as it was."""
        lab.run("ip", "link", "add", "up1", "type", "veth", "peer", "name", "down1", "netns", self.network.peer)
        for where, device, number in (((), "up1", 1), (("-n", self.network.peer), "down1", 2)):
            lab.run("ip", *where, "addr", "add", f"10.8.0.{number}/24", "dev", device)
            lab.run("ip", *where, "link", "set", device, "up")
        self.wait_for_links()
        lab.run("tc", "qdisc", "add", "dev", "up0", "root", "handle", "7:", "pfifo", "limit", "900", check=False)
        lab.run("nft", "add table inet firewall; add chain inet firewall input { type filter hook input priority 0; };"
                       "add rule inet firewall input tcp dport 9 counter drop")
        self.foreign = None
        self.foreign_clsacts = set()  # indexes of their interfaces

    @staticmethod
    def wait_for_links():
        """Until then addresses and routes still change by themselves."""
        lab.wait_for(lambda: not re.search("NO-CARRIER|tentative", lab.run("ip", "address")), "links and IPv6 addresses are usable")

    def reset_network(self):
        lab.run("nft", "flush", "ruleset")
        for where in ((), ("-n", self.network.peer)):
            for line in lab.run("ip", *where, "-brief", "link").splitlines():
                name = line.split()[0].partition("@")[0]
                if name != "lo":
                    lab.run("ip", *where, "link", "del", name, check=False)
        lab.run("tc", "qdisc", "del", "dev", "lo", "root", check=False)
        self.network.connect()
        self.prepare_network()

    def close(self):
        for process in self.programs("faultd", "faultd-guardian", "faultd-stress"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if self.aws:
            self.aws.close()
        for path in ("/etc/hosts", self.fill, self.state, self.base):
            lab.run("umount", "--lazy", path, check=False)
        os.rmdir(self.base)

    def take(self):
        """Everything on it, to compare with."""
        return snapshot.take(self)

    # What others do here.

    def name_database(self, number):
        """A name that faults may have; nobody knows it when it has no number."""
        with open(self.hosts, "w", encoding="ascii") as file:
            file.write(f"10.9.0.{number} db.test\n" if number else "")

    def note_foreign(self):
        """A stranger has changed something: so it has to be at the end."""
        look = None
        for _ in range(100):
            before, look = look, self.look_at_foreign()
            if look == before:
                break
            time.sleep(0.02)
        self.foreign = look

    def look_at_foreign(self):
        ruleset, ours = [], False
        for line in snapshot.ruleset():
            ours = line.startswith("table netdev faultd {") or (ours and line != "}")
            if not ours and not (line == "}" and (not ruleset or not ruleset[-1].startswith(("\t", "table")))):
                ruleset.append(line)
        return {
            "links and addresses": [each for each in snapshot.links() if f"group {0xfa17d}" not in each and " alias faultd" not in each],
            "routes and rules": [each for each in snapshot.routes() if not DEV_OF_OURS.search(each)],
            "qdiscs and filters": self.foreign_qdiscs(),
            "nftables": ruleset,
            "sysctls": snapshot.sysctls(),
        }

    def foreign_qdiscs(self):
        others = [each for each in snapshot.qdiscs() if not DEV_OF_OURS.search(each) and not snapshot.OUR_FILTER.search(each)]
        ours = tuple(f"qdisc clsact ffff: dev {name} " for name in self.own_clsacts())
        return [each for each in others if not each.startswith(ours)]

    def own_clsacts(self):
        """Interfaces on which a clsact can only be ours. One that we have made stays as long as filters of others are on it."""
        return [name for index, name in socket.if_nameindex()
                if index not in self.foreign_clsacts and not snapshot.has_foreign_filters(name)]

    def add_clsact(self):
        """As a stranger; it may be there already, made by us."""
        done = subprocess.run(["tc", "qdisc", "add", "dev", "up0", "clsact"], capture_output=True)
        if done.returncode == 0:
            self.foreign_clsacts.add(socket.if_nametoindex("up0"))

    def remove_own_clsacts(self):
        """Without their record nobody knows that they are ours."""
        for name in self.own_clsacts():
            lab.run("tc", "qdisc", "del", "dev", name, "clsact", check=False)

    def expected(self, before):
        if self.foreign is None:
            return before
        expected = {**before, **self.foreign}
        expected.pop("packets")
        return expected

    # AWS.

    def use_aws(self):
        if self.aws is None:
            self.aws = aws_lab.StandIn()
        self.aws.reset()

    def ecs_status(self):
        return self.aws.ask("/_/state")["instance_status"] if self.aws else "ACTIVE"

    # Daemons.

    def start(self, with_aws=False):
        self.add_daemon(with_aws)
        self.reconnect()

    def start_second(self, with_aws=False):
        """Beside the one that is there: it gets the lock when the first is gone."""
        self.add_daemon(with_aws, wait=False)

    def environment(self):
        """What our programs have beside ours."""
        if self.log_pipe is None:
            return self.hook.environment
        # A sanitizer that tells of a SIGSEGV would wait for somebody who reads that.
        silent = {name: f"{os.environ.get(name, '')}:handle_segv=0" for name in ("ASAN_OPTIONS", "TSAN_OPTIONS")}
        return {**self.hook.environment, **silent}

    def add_daemon(self, with_aws, wait=True):
        config = f'[ecs]\nagent = "{self.aws.url}"\n' if with_aws else ""
        daemon = HostDaemon(directory=self.base, config=self.config + config)
        daemon.environment = {**self.environment(), **(self.aws.environment if with_aws else {})}
        if not wait:
            daemon.wait_for_ready = lambda _: None
        daemon.start()
        daemon.channel.close()
        self.daemons.append(daemon)

    def reconnect(self):
        if self.stubs is not None:
            self.connection.close()
        self.connection = self.daemons[-1].open()
        self.stubs = lab.Stubs(self.connection)

    def alive(self):
        return [daemon.process for daemon in self.daemons if daemon.process.poll() is None]

    def programs(self, *names):
        """Process ids of these programs, also of those that are on their way out; the namespace of processes is ours."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            name, _, rest = snapshot.read(f"/proc/{pid}/stat").partition("(")[2].rpartition(") ")
            if rest and rest[0] != "Z" and name in names:
                found.append(int(pid))
        return found

    def stop_all(self, failing=False, threadless=False):
        """SIGTERM to all daemons, some of whose operations, or threads, may have failed; what is not as it should be."""
        problems = []
        if self.stubs is not None:
            self.connection.close()
            self.stubs = None
        for daemon in self.daemons:
            process = daemon.process
            if process.poll() is None:
                # Its guardian may take one that was stopped for one that hangs.
                well = is_well(process.pid)
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGCONT)
                try:
                    status = process.wait(LONGEST)
                    # One that waits for the lock of another gives up in the end.
                    allowed = (0, -signal.SIGTERM) if len(self.daemons) == 1 else (0, -signal.SIGTERM, 1)
                    # Whose reverts have failed for too long is killed by its guardian, which tries itself.
                    allowed += (-signal.SIGKILL,) if failing else ()
                    if well and status not in allowed:
                        problems.append(f"faultd ended with {status} at SIGTERM")
                except subprocess.TimeoutExpired:
                    problems.append(f"faultd is still there {LONGEST} s after SIGTERM")
                    process.kill()
            # gRPC aborts when it does not get the threads that it starts with.
            if process.wait() in (-signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL) and not threadless:
                problems.append(f"faultd died by itself: {signal.Signals(-process.returncode).name}")
        self.daemons = []
        self.wait_guardians()
        return problems

    def wait_guardians(self):
        # One that is not executed yet has the name of its parent.
        lab.wait_for(lambda: not self.programs("faultd-guardian", "faultd"), "the guardian is gone", 2 * LONGEST)

    def once(self):
        """As systemd's ExecStopPost= does it."""
        done = subprocess.run([f"{lab.BIN}/faultd-guardian", "--once", "--state-dir", self.state], capture_output=True, text=True,
                              env={**os.environ, **self.environment()}, timeout=LONGEST)
        return [] if done.returncode == 0 else [f"faultd-guardian --once: {done.returncode}: {done.stdout}{done.stderr}"]

    def records(self):
        with contextlib.suppress(FileNotFoundError):
            return sorted(os.listdir(os.path.join(self.state, "journal")))
        return []

    def use_log_pipe(self):
        """What the daemons log goes to a reader, as a container's does."""
        self.forget_log()
        os.mkfifo(self.log_path)
        self.log_pipe = os.open(self.log_path, os.O_RDONLY | os.O_NONBLOCK)

    def forget_log(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.log_path)

    def log(self):
        with open(self.log_path if self.log_pipe is None else self.log_pipe, encoding="utf8", errors="replace") as file:
            self.log_pipe = None
            return file.read()

    def repair_disk(self):
        lab.run("mount", "-o", "remount,rw", self.state, check=False)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.state, "stuffing"))

    def reap(self):
        """Guardians whose parent died before them."""
        own = {process.pid for process in self.alive()}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            line = snapshot.read(f"/proc/{pid}/stat").rpartition(") ")[2].split()
            if line[:2] == ["Z", str(os.getpid())] and int(pid) not in own:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(int(pid), os.WNOHANG)

    def tidy(self):
        """So that the next sequence finds what this one found, whatever this one's end was."""
        aside = [os.path.join(self.state, "journal", name) for name in self.records() if name.endswith(".aside")]
        for path in [*aside, os.path.join(self.state, "safety-lever.json")]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.forget_log()
        self.name_database(3)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.halt)
        if self.foreign is not None:
            self.reset_network()
