"""The promise: whatever happens to the daemon, the host is back as it was."""

import contextlib
import os
import signal
import subprocess
import sys
import unittest

import lab
from hook import Hook
from lab import REVERTED, wait_for
from faultd.v1 import journal_pb2

# Starts a guardian for itself and does not hear that it is ready.
PARENT_THAT_READS_NOTHING = """
import os, subprocess, sys
read, write = os.pipe()
os.close(read)
subprocess.Popen([sys.argv[1], "--watch", str(os.getpid()), "--state-dir", sys.argv[2]], stdout=write)
sys.stdin.read()
"""


class CrashTest(lab.HostTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.target = cls.network.v4(3)

    def setUp(self):
        self.daemon = lab.Daemon().start()

    def tearDown(self):
        self.daemon.stop()
        self.assert_clean()

    def blackhole(self, lease=60):
        fault = self.daemon.inject("blackhole", to=self.target, direction="DIRECTION_BOTH", lease=lease)
        self.assertFalse(self.reachable())
        return fault

    def reachable(self):
        return lab.ping(self.target, timeout=0.2)[0] == 1

    def kill_everything(self):
        guardian = self.daemon.guardians()[0]
        os.kill(guardian, signal.SIGSTOP)  # so that it cannot win the race
        self.daemon.process.kill()
        os.kill(guardian, signal.SIGKILL)
        self.daemon.wait()

    def assert_clean(self):
        self.assertTrue(self.reachable())
        self.assertEqual(lab.snapshot(), self.before)
        self.assertEqual(self.daemon.records(), [])

    def once(self, *arguments, wrapper=()):
        return subprocess.run([*wrapper, f"{lab.BIN}/faultd-guardian", "--once", "--state-dir", self.daemon.state, *arguments],
                              capture_output=True, text=True, timeout=3 * lab.DEADLINE)

    def write_record(self, record, name=None):
        path = os.path.join(self.daemon.state, "journal", name or record.id + ".record")
        with open(path, "wb") as file:
            file.write(lab.encode_record(record))

    def test_sigterm_reverts_and_exits_0(self):
        self.blackhole()
        self.assertEqual(self.daemon.stop(), 0)
        self.assert_clean()
        self.assertFalse(os.path.exists(self.daemon.socket))

    def test_stop_on_a_host_without_a_thread_to_spare(self):
        self.daemon.stop()
        trouble = Hook(os.path.join(self.daemon.directory, "page"))
        self.daemon.environment = trouble.environment
        self.daemon.start()
        self.blackhole()
        trouble.arm("daemon", "process", 1, "EAGAIN", times=1000)
        self.assertEqual(self.daemon.stop(), 0)
        self.assert_clean()
        self.assertIn("leaving without closing connections", self.daemon.read_log())
        self.assertGreater(trouble.get("fired"), 0)

    def test_sigkill_of_the_daemon(self):
        self.blackhole()
        self.daemon.kill()
        self.assert_clean()
        self.assertIn("reverted", self.daemon.read_log())

    @contextlib.contextmanager
    def log_that_nobody_reads(self):
        """The daemon with a pipe for stderr, like a container's, which is full; yields the end to read from."""
        self.daemon.stop()
        os.unlink(self.daemon.log)
        os.mkfifo(self.daemon.log)
        reader = os.open(self.daemon.log, os.O_RDONLY | os.O_NONBLOCK)
        try:
            self.daemon.start()
            lab.fill_pipe(self.daemon.log)
            yield reader
        finally:
            os.close(reader)
            os.unlink(self.daemon.log)

    def test_log_that_nobody_reads(self):
        with self.log_that_nobody_reads() as reader:
            fault = self.blackhole(lease=1)
            self.assertEqual(self.daemon.wait_for_end(fault.id).state, REVERTED)
            self.assertTrue(self.reachable())
            self.assertEqual(set(os.read(reader, 1 << 20)[-100:]), {ord(".")})
            self.blackhole()
            # The audit log, which has a thread of its own, may tell of the end in between.
            self.assertRegex(os.read(reader, 1 << 20).decode(), r"(?s)^\([0-9]+ lines of this log were lost: .*\n.* active for")

    def test_daemon_that_hangs_and_a_log_that_nobody_reads(self):
        with self.log_that_nobody_reads():
            self.blackhole(lease=1)
            self.daemon.process.send_signal(signal.SIGSTOP)
            self.daemon.wait()
            self.assert_clean()

    def test_record_of_a_client_whose_name_is_no_text(self):
        """A process has any bytes for a name, which goes into the record and into the answers to everybody."""
        faultctl = os.path.join(os.fsencode(self.daemon.directory), b"\xffctl\nx")
        os.symlink(f"{lab.BIN}/faultctl", faultctl)
        subprocess.run([faultctl, "--address", f"unix:{self.daemon.socket}", "blackhole", "--to", self.target,
                        "--for", "60s"], check=True, capture_output=True, timeout=lab.DEADLINE)
        self.assertRegex([fault.actor for fault in self.daemon.list()][0], r" comm=\?ctl\?x$")
        self.daemon.process.kill()
        self.daemon.wait()
        journal = os.path.join(self.daemon.state, "journal")
        wait_for(lambda: not self.daemon.records(), "the guardian to be done")
        self.assertEqual(os.listdir(journal), [])

    def test_sigkill_of_daemon_and_guardian(self):
        self.blackhole()
        self.kill_everything()
        # The kernel ended the fault with nobody's help; idle links and the record are left.
        self.assertTrue(self.reachable())
        self.assertIn("faultd-null", lab.run("ip", "link"))
        self.assertEqual(len(self.daemon.records()), 1)
        once = self.once()
        self.assertEqual(once.returncode, 0)
        self.assertRegex(once.stdout, r"^fault blackhole-\w+: blackhole reverted\n$")
        self.assert_clean()
        self.assertEqual(self.once().stdout, "nothing to revert\n")

    def test_guardian_makes_no_memory_errors(self):
        self.blackhole()
        self.daemon.inject("memory", bytes=1 << 20)
        self.kill_everything()
        # Programs with sanitizers look for errors themselves, and valgrind cannot run them.
        valgrind = ("valgrind", "--quiet", "--leak-check=full", "--error-exitcode=99")
        once = self.once(wrapper=() if lab.is_sanitized("faultd-guardian") else valgrind)
        self.assertEqual((once.returncode, once.stderr), (0, ""))
        self.assertEqual(len(once.stdout.splitlines()), 2)
        self.assert_clean()

    def test_restart_reverts_what_is_left_before_it_listens(self):
        self.blackhole()
        self.kill_everything()
        self.daemon.start()
        self.assert_clean()
        self.assertIn("recovery: fault blackhole-", self.daemon.read_log())
        self.assertEqual(list(self.daemon.agent().leftovers), [])

    def test_stopped_daemon_is_killed_at_the_deadline(self):
        self.blackhole(lease=2)
        self.daemon.process.send_signal(signal.SIGSTOP)
        self.daemon.process.wait(lab.DEADLINE)  # by the guardian: deadline + 2 s
        self.assertEqual(self.daemon.process.returncode, -signal.SIGKILL)
        self.daemon.wait()
        self.assert_clean()
        self.assertIn("past its lease and still there", self.daemon.read_log())

    def test_guardian_on_a_host_without_inotify_to_spare(self):
        self.daemon.stop()
        trouble = Hook(os.path.join(self.daemon.directory, "page"))
        self.daemon.environment = trouble.environment
        trouble.arm("guardian", "watch", 1, "EMFILE", times=1000)
        self.daemon.start()
        self.assertEqual(trouble.get("fired"), 1)
        self.blackhole(lease=1)
        self.daemon.process.send_signal(signal.SIGSTOP)
        self.daemon.wait()
        self.assert_clean()

    def test_dead_guardian_is_replaced(self):
        first = self.daemon.guardians()
        self.assertEqual(len(first), 1)
        os.kill(first[0], signal.SIGKILL)
        wait_for(lambda: self.daemon.guardians() not in ([], first) and self.daemon.agent().guardian_pid not in (0, first[0]),
                 "another guardian is on guard")
        self.blackhole()
        self.daemon.kill()
        self.assert_clean()

    def test_daemon_killed_before_its_new_guardian_looks_at_it(self):
        self.blackhole()
        daemon = self.daemon.process.pid
        self.kill_everything()
        late = subprocess.run([f"{lab.BIN}/faultd-guardian", "--watch", str(daemon), "--state-dir", self.daemon.state],
                              capture_output=True, text=True, timeout=lab.DEADLINE)
        self.assertEqual((late.returncode, late.stdout), (0, "ready\n"), late.stderr)
        self.assert_clean()

    def test_daemon_killed_before_its_new_guardian_is_on_guard(self):
        self.blackhole()
        self.kill_everything()
        with subprocess.Popen([sys.executable, "-c", PARENT_THAT_READS_NOTHING, f"{lab.BIN}/faultd-guardian", self.daemon.state],
                              stdin=subprocess.PIPE) as parent:
            wait_for(lambda: self.daemon.guardians() or parent.poll() is not None, "the guardian has started")
            parent.kill()
        self.daemon.wait_unlocked()
        self.assert_clean()

    def test_guardian_that_takes_long_to_start_holds_no_lease_up(self):
        self.daemon.stop()
        slow = os.path.join(self.daemon.directory, "slow")
        program = os.path.join(self.daemon.directory, "guardian")
        with open(program, "w", encoding="utf8") as file:
            file.write(f'#!/bin/sh\n[ ! -e {slow} ] || exec sleep 86399\nexec {lab.BIN}/faultd-guardian "$@"\n')
        os.chmod(program, 0o755)
        self.daemon.arguments = ["--guardian", program]
        self.daemon.start()
        with open(slow, "w", encoding="utf8"):
            os.kill(self.daemon.guardians()[0], signal.SIGKILL)
        wait_for(lambda: lab.processes("sleep", "86399"), "another guardian is being started")
        self.assertEqual(self.daemon.agent().guardian_pid, 0)
        fault = self.daemon.inject("noop", lease=1)
        self.assertEqual(self.daemon.wait_for_end(fault.id).state, REVERTED)
        self.assertNotIn("not on guard", self.daemon.read_log())
        os.unlink(slow)
        os.kill(lab.processes("sleep", "86399")[0], signal.SIGKILL)
        wait_for(lambda: self.daemon.agent().guardian_pid, "another guardian is on guard")

    def test_half_written_files_are_removed(self):
        self.daemon.kill()
        halves = [os.path.join(self.daemon.state, name) for name in (".tmp-safety-lever.json", "journal/.tmp-x.record")]
        for path in halves:
            with open(path, "w", encoding="ascii"):
                pass
        self.once()
        self.assertEqual([path for path in halves if os.path.exists(path)], [])

    def test_guardian_ignores_sigterm(self):
        guardian = self.daemon.guardians()[0]
        os.kill(guardian, signal.SIGTERM)
        self.blackhole()
        self.daemon.kill()
        self.assert_clean()

    def test_unreadable_record_is_set_aside_and_reported(self):
        self.blackhole()
        self.kill_everything()
        record = os.path.join(self.daemon.state, "journal", self.daemon.records()[0])
        with open(record, "r+b") as file:
            file.seek(40)
            file.write(b"\xff")
        self.daemon.start()
        self.assert_clean()  # the links are found by their tag, without a record
        leftovers = self.daemon.agent().leftovers
        self.assertEqual([(each.type, each.name) for each in leftovers], [("set-aside record", os.path.basename(record) + ".aside")])
        os.unlink(record + ".aside")

    def test_record_of_another_boot_is_dropped(self):
        self.daemon.kill()
        record = journal_pb2.JournalRecord(id="old", boot_id="00000000-0000-0000-0000-000000000000", deadline_boottime_ns=1)
        record.undo.blackhole.interfaces.append("up0")
        self.write_record(record)
        self.daemon.start()
        self.assertEqual(self.daemon.records(), [])
        self.assertIn("fault old: blackhole ended with the boot it was made in", self.daemon.read_log())

    def test_record_of_an_unknown_kind_is_kept_findable(self):
        self.daemon.kill()
        self.write_record(journal_pb2.JournalRecord(id="future", boot_id="x"))
        self.daemon.start()
        self.assertEqual([each.name for each in self.daemon.agent().leftovers], ["future.record.aside"])
        os.unlink(os.path.join(self.daemon.state, "journal", "future.record.aside"))

    def test_tagged_links_without_a_record_are_removed_and_others_stay(self):
        self.daemon.kill()
        lab.run("ip", "link", "add", "faultd7", "group", str(0xfa17d), "type", "ifb")
        lab.run("ip", "link", "add", "faultd8", "type", "ifb")  # like ours by name, but not tagged
        try:
            self.daemon.start()
            links = lab.run("ip", "link")
            self.assertNotIn("faultd7:", links)
            self.assertIn("faultd8:", links)
        finally:
            lab.run("ip", "link", "del", "faultd8")

    def test_second_daemon_waits_for_the_guardian_of_the_first(self):
        for _ in range(5):
            self.blackhole()
            self.daemon.process.kill()  # the guardian and the next start now race for the lock
            self.daemon.process.wait()
            self.daemon.channel.close()
            self.daemon.start()
            self.assertTrue(self.reachable())
            self.assertEqual(self.daemon.records(), [])

    def test_killed_in_the_middle_of_injections(self):
        for round in range(10):
            injections = []
            for i in range(20):
                request = lab.pb.InjectFaultRequest(spec=lab.spec("blackhole", f"10.200.{round}.{i}"))
                request.duration.seconds = 60
                injections.append(self.daemon.faults.InjectFault.future(request))
            injections[round].exception()  # waits for one of them
            self.daemon.kill()
            self.assert_clean()
            self.daemon.start()

    def test_manager_that_reads_no_notifications_holds_nothing_up(self):
        self.daemon.stop()
        self.daemon.start(read_notifications=False)
        with self.daemon.unread:
            # More than its socket takes (net.unix.max_dgram_qlen, 10).
            for _ in range(20):
                fault = self.daemon.inject("noop")
                self.assertEqual(self.daemon.revert(fault.id).state, REVERTED)
            self.assertEqual(self.daemon.stop(), 0)
        self.daemon.start()

    def test_full_disk_refuses_injection_but_not_reverting(self):
        self.daemon.stop()
        os.makedirs(self.daemon.state, exist_ok=True)
        lab.run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.daemon.state)
        try:
            self.daemon.start()
            fault = self.blackhole()
            fill = os.open(os.path.join(self.daemon.state, "fill"), os.O_WRONLY | os.O_CREAT)
            with self.assertRaises(OSError):
                while True:
                    os.write(fill, b"x" * 4096)
            os.close(fill)
            with self.assertRaises(lab.grpc.RpcError) as raised:
                self.daemon.inject("blackhole", to=self.network.v4(4))
            self.assertEqual(raised.exception.code(), lab.grpc.StatusCode.RESOURCE_EXHAUSTED)
            self.assertIn("No space left on device", raised.exception.details())
            self.assertEqual(self.daemon.revert(fault.id).state, REVERTED)
            self.assert_clean()
        finally:
            self.daemon.stop()
            lab.run("umount", self.daemon.state)
            os.makedirs(os.path.join(self.daemon.state, "journal"), exist_ok=True)


if __name__ == "__main__":
    unittest.main()
