"""The programs of the package for arm64, run by qemu-user in network namespaces. That has neither openat2(2) nor
netfilter's netlink, so faults of networks and disks can only be tried on such a machine."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import unittest

from test_package import only, run

SYSROOT = os.environ["FAULTD_SYSROOT"]
HELPERS = ["faultd-guardian", "faultd-stress"]
LINK_GROUP = 0xFA17D  # kernel/links.h
DEADLINE = 60  # seconds that anything may take at most on a busy machine


class Arm64Test(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        run("dpkg-deb", "--extract", only("_arm64.deb"), self.folder)
        self.state = f"{self.folder}/state"
        # What the daemon starts: this machine cannot execute programs for another.
        for helper in HELPERS:
            path = f"{self.folder}/{helper}"
            with open(path, "w", encoding="utf-8") as file:
                file.write(f'#!/bin/sh\nexec {" ".join(self.emulated(f"usr/sbin/{helper}"))} "$@"\n')
            os.chmod(path, 0o755)

    def emulated(self, program, *arguments):
        return ["qemu-aarch64", "-L", SYSROOT, f"{self.folder}/{program}", *arguments]

    def output_of(self, program, *arguments):
        return self.output_in_namespace(self.emulated(program, *arguments))

    def output_in_namespace(self, command):
        done = subprocess.run(["unshare", "--net", *command], capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def faultctl(self, *arguments):
        return self.output_of("usr/bin/faultctl", "--address", f"unix:{self.folder}/run/faultd.sock", *arguments)

    def start_daemon(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, open(f"{self.folder}/log", "w+", encoding="utf-8") as log:
            ready.bind(f"{self.folder}/notify")
            ready.settimeout(DEADLINE)
            helpers = [f"--{helper.removeprefix('faultd-')}={self.folder}/{helper}" for helper in HELPERS]
            daemon = subprocess.Popen(
                ["unshare", "--net", *self.emulated("usr/sbin/faultd", "--config", f"{self.folder}/etc/faultd/faultd.toml",
                 "--state-dir", self.state, "--runtime-dir", f"{self.folder}/run", *helpers)],
                stderr=log, env=dict(os.environ, NOTIFY_SOCKET=f"{self.folder}/notify"))
            self.addCleanup(daemon.wait)
            self.addCleanup(daemon.kill)
            try:
                while b"READY=1" not in ready.recv(4096):
                    pass
            except TimeoutError:
                log.seek(0)
                self.fail(f"faultd is not ready:\n{log.read()}")
        return daemon

    def test_versions(self):
        for program in ("usr/sbin/faultd", "usr/sbin/faultd-guardian", "usr/bin/faultctl"):
            self.assertRegex(self.output_of(program, "--version"), f"^{os.path.basename(program)} [0-9.]+\n$")

    def test_the_configuration_as_shipped_is_right(self):
        self.assertIn("OK", self.output_of("usr/sbin/faultd", "--check-config", "--config", f"{self.folder}/etc/faultd/faultd.toml"))

    def test_the_guardian_removes_a_link_that_was_left(self):
        os.mkdir(self.state, 0o700)
        guardian = " ".join(self.emulated("usr/sbin/faultd-guardian", "--once", "--state-dir", self.state))
        script = f"ip link add faultd0 group {LINK_GROUP} type ifb; {guardian}; ip -oneline link"
        self.assertRegex(self.output_in_namespace(["sh", "-ec", script]), r"^removed link faultd0, .*\n1: lo: .*\n$")

    def test_a_fault_ends_with_its_lease(self):
        daemon = self.start_daemon()
        self.assertEqual(self.faultctl("list"), "no faults\n")
        self.faultctl("noop", "--id", "smoke", "--for", "1s")
        self.faultctl("watch", "smoke")
        fault = json.loads(self.faultctl("get", "smoke", "--json"))
        self.assertEqual((fault["state"], fault["end_reason"]), ("FAULT_STATE_REVERTED", "END_REASON_LEASE_ENDED"))
        daemon.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(DEADLINE), 0)

    def test_what_a_killed_daemon_leaves_is_put_back(self):
        daemon = self.start_daemon()
        self.faultctl("noop", "--for", "10m")
        self.assertEqual(len(os.listdir(f"{self.state}/journal")), 1)
        daemon.kill()
        # Either the daemon's own guardian does it, or this one, when that has let go of the journal.
        self.output_of("usr/sbin/faultd-guardian", "--once", "--state-dir", self.state, "--wait", str(DEADLINE * 1000))
        self.assertEqual(os.listdir(f"{self.state}/journal"), [])


if __name__ == "__main__":
    unittest.main()
