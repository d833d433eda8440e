"""The machine itself as the host: faultd is the service of its package, systemd looks after it, and packages come and go.

tests/vm/proof_systemd.sh prepares the machine: the service lives in this namespace of networks, and its state directory
and /srv/fill are small file systems.
"""

import contextlib
import glob
import os
import signal
import subprocess
import zlib

import grpc

import lab
import snapshot
from host import LONGEST, Host
from sequence import Generator
from steps import Steps

UNIT = "faultd.service"
PACKAGES = {"old": "/opt/faultd/packages/faultd_*.deb", "new": "/opt/faultd/packages/new/faultd_*.deb"}


def systemctl(*arguments, check=True):
    return lab.run("systemctl", *arguments, check=check)


def unit_properties(*names):
    lines = systemctl("show", UNIT, *(f"--property={name}" for name in names)).splitlines()
    return dict(line.split("=", 1) for line in lines)


class Main:
    """The service's main process, as far as steps want to know of a process."""

    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        return None if os.path.exists(f"/proc/{self.pid}") else 0

    def wait(self):
        lab.wait_for(lambda: self.poll() is not None, f"process {self.pid} is gone", LONGEST)


class SystemdHost(Host):
    socket = "/run/faultd/faultd.sock"

    def __init__(self):  # pylint: disable=super-init-not-called # nothing of what it makes
        self.base, self.fill, self.state = "/var/lib/faultd", "/srv/fill", "/var/lib/faultd"
        self.directories = [self.state, self.fill, "/run/faultd", "/etc/faultd", "/usr/libexec/faultd"]
        self.fill_directories = [self.fill]
        self.hosts, self.halt = "/etc/hosts", "/run/faultd/HALT"
        self.name_database(3)
        self.cgroup_prefix = f"faultd-{zlib.crc32(self.state.encode()):08x}-"
        self.mounts_of_others = set()
        for leftover in (("ip", "link", "del", "up0"), ("ip", "netns", "del", "peer"), ("nft", "flush", "ruleset")):
            lab.run(*leftover, check=False)  # of one that has failed
        self.network = lab.Network()
        self.aws = self.known = self.stubs = None
        self.daemons = []
        self.prepare_network()
        self.install("old")
        self.start()
        self.stop_all()

    def close(self):
        systemctl("stop", UNIT, check=False)

    def start(self, with_aws=False):
        systemctl("reset-failed", UNIT, check=False)
        systemctl("start", UNIT, check=False)  # somebody may have broken it
        self.reconnect()

    def reconnect(self):
        if self.stubs is not None:
            self.connection.close()
        options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        self.connection = grpc.insecure_channel(f"unix:{self.socket}", options)
        self.stubs = lab.Stubs(self.connection)

    def alive(self):
        pid = int(unit_properties("MainPID")["MainPID"])
        return [Main(pid)] if pid else []

    def stop_all(self):
        if self.stubs is not None:
            self.connection.close()
            self.stubs = None
        systemctl("stop", UNIT, check=False)
        found = unit_properties("ActiveState", "SubState")
        return [] if found["ActiveState"] in ("inactive", "failed") else [f"after the stop the service is {found}"]

    def once(self):
        done = subprocess.run(["/usr/libexec/faultd/faultd-guardian", "--once"], capture_output=True, text=True, timeout=LONGEST)
        return [] if done.returncode == 0 else [f"faultd-guardian --once: {done.returncode}: {done.stdout}{done.stderr}"]

    def log(self):
        return lab.run("journalctl", "--quiet", "--no-hostname", "--unit", UNIT, "--lines", "60", "--output", "short-precise")

    def forget_log(self):
        """journald keeps it."""

    def install(self, which):
        """What dpkg says if it fails."""
        [package] = glob.glob(PACKAGES[which])
        done = subprocess.run(["dpkg", "--install", package], capture_output=True, text=True, timeout=4 * LONGEST,
                              env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "DPKG_FORCE": "confold,downgrade,unsafe-io"})
        return [] if done.returncode == 0 else [f"dpkg --install {package}: {done.stdout}{done.stderr}"]

    def take(self):
        """As snapshot.take, of a machine that others live on, and the states of units."""
        whole = snapshot.take(self)
        whole.pop("mounts")
        whole["processes"] = [each for each in whole["processes"] if each.startswith("faultd")]
        whole["cgroups"] = [path for path in glob.glob("/sys/fs/cgroup/system.slice/faultd*/**", recursive=True) if os.path.isdir(path)]
        whole["units"] = [*systemctl("list-units", "--all", "--plain", "--no-legend", "--type=service,timer,socket", "faultd*").splitlines(),
                          *systemctl("list-unit-files", "--no-legend", "faultd*").splitlines(),
                          *systemctl("list-units", "--failed", "--plain", "--no-legend").splitlines()]
        whole["package"] = [lab.run("dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Version}", "faultd")]
        return whole


class SystemdGenerator(Generator):
    """The trouble that there is with a service."""

    def __init__(self, seed, kinds):
        super().__init__(seed, [kind for kind in kinds if kind != "ecs_drain"])

    def trouble(self):
        if self.spoils_journal and self.chance(0.5):
            return self.records()
        name = self.random.choices(("signal", "signal_all", "package", "service", "interface", "stranger", "vandal", "disk"),
                                   (5, 2, 4, 4, 2, 2, 2, 1))[0]
        return getattr(self, name)()

    def steps(self):
        return [*super().steps()[:-1], ("recover", self.pick(("lease", "stop", "restart", "kill", "upgrade", "remove")))]

    def package(self):
        return ("package", self.pick(("old", "new", "reinstalled", "removed")))

    def service(self):
        return ("service", self.pick(("restart", "stop", "kill", "kill", "abort", "reload")))


class SystemdSteps(Steps):
    def package(self, how):
        host = self.host
        if how == "removed":
            # One that the service's state is in the way of may not go at all; then it says so.
            lab.run("dpkg", "--remove", "faultd", check=False)
        self.problems += host.install("old" if how in ("old", "removed") else "new")
        if how == "reinstalled":
            self.problems += host.install("new")
        host.start()

    def service(self, how):
        commands = {"restart": ["restart"], "stop": ["stop"], "kill": ["kill", "--signal=KILL"], "reload": ["reload"],
                    "abort": ["kill", "--signal=ABRT", "--kill-whom=main"]}
        systemctl(*commands[how], UNIT, check=False)

    def recover(self, how):
        host = self.host
        for pid in host.programs("faultd", "faultd-guardian", "faultd-stress"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        host.repair_disk()
        if how == "lease" and not self.spoilt:
            # Whatever became of the daemon: a guardian, ExecStopPost or the next start has done it.
            systemctl("start", UNIT, check=False)
            try:
                lab.wait_for(lambda: not self.ours(), "no record is left when the leases are over", LONGEST)
            except AssertionError as error:
                self.problems.append(f"{error}: {self.ours()}")
        for number in list(self.holds):
            self.drop(number)
        if how in ("restart", "kill"):
            self.service(how)
        elif how == "upgrade":
            self.package("new")
        elif how == "remove":
            lab.run("dpkg", "--remove", "faultd", check=False)
            left = host.programs("faultd", "faultd-guardian", "faultd-stress")
            if left or "faultd" in lab.run("ip", "-o", "link") + lab.run("nft", "list", "tables"):
                self.problems.append(f"the package is removed, and of it are left the processes {left} or something in the kernel")
        # The state in which the next one begins.
        self.problems += host.install("old")
        systemctl("enable", "--quiet", UNIT)
        self.problems += host.stop_all()
        if self.spoilt:
            self.problems += host.once()
            os.makedirs(os.path.join(host.state, "journal"), 0o700, exist_ok=True)
        for future in self.pending:
            future.cancel()
        systemctl("reset-failed", UNIT, check=False)
