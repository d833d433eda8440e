"""Tricks with links, special files and permissions where the daemon keeps its state: none is followed, none is
believed, and what is there to be reverted is reverted all the same."""

import os
import shutil
import signal
import subprocess
import unittest

import lab
from lab import grpc, pb
from faultd.v1 import journal_pb2

NOBODY = 65534


class StateTest(lab.HostTest):
    def setUp(self):
        self.daemon = lab.Daemon()
        self.addCleanup(shutil.rmtree, self.daemon.directory)
        self.addCleanup(self.daemon.stop)
        self.journal = os.path.join(self.daemon.state, "journal")
        os.makedirs(self.journal, 0o700)
        os.chmod(self.daemon.state, 0o700)
        self.elsewhere = os.path.join(self.daemon.directory, "elsewhere")
        os.mkdir(self.elsewhere)
        self.victim = os.path.join(self.elsewhere, "victim")
        with open(self.victim, "w", encoding="utf8") as file:
            file.write("precious")

    def tearDown(self):
        self.daemon.stop()
        with open(self.victim, encoding="utf8") as file:
            self.assertEqual(file.read(), "precious")
        self.assertEqual(lab.snapshot(), self.before)

    def record_of(self, id):
        """Of a fault that never was, whose revert would remove a link that is there."""
        record = journal_pb2.JournalRecord(id=id, boot_id="another", deadline_boottime_ns=1)
        record.undo.blackhole.interfaces.append(self.network.device)
        return lab.encode_record(record)

    def assert_set_aside(self, name):
        self.daemon.start()
        self.assertEqual(self.daemon.records(), [])
        self.assertEqual([each.name for each in self.daemon.agent().leftovers], [f"{name}.aside"])
        self.daemon.inject("blackhole", to="192.0.2.1")

    def test_directories_that_are_links(self):
        for path in (self.journal, self.daemon.state):
            shutil.rmtree(path)
            os.symlink(self.elsewhere, path)
            self.assertIn(f"{path}: Not a directory", self.daemon.refusal())
            self.assertEqual(os.listdir(self.elsewhere), ["victim"])
            os.unlink(path)
            os.makedirs(self.journal, 0o700, exist_ok=True)

    def test_directory_of_another_user(self):
        os.chown(self.journal, NOBODY, NOBODY)
        self.assertIn(f"{self.journal} belongs to user {NOBODY} instead of 0", self.daemon.refusal())

    def test_lock_that_is_a_link(self):
        os.symlink(self.victim, os.path.join(self.daemon.state, "lock"))
        self.assertIn("open lock", self.daemon.refusal())

    def test_who_waits_for_the_lock_can_be_stopped(self):
        self.daemon.start()
        self.daemon.inject("blackhole", to="192.0.2.1", id="stays")
        with subprocess.Popen(self.daemon.command(), stderr=subprocess.PIPE, text=True) as second:
            self.assertTrue(any("another faultd or its guardian still holds it" in line for line in second.stderr))
            second.terminate()
            self.assertEqual(second.wait(lab.DEADLINE), -signal.SIGTERM)
        self.assertEqual(self.daemon.records(), ["stays.record"])

    def test_directories_that_others_may_write_to(self):
        os.chmod(self.daemon.state, 0o777)
        os.chmod(self.journal, 0o770)
        self.daemon.start()
        self.assertEqual([os.stat(path).st_mode & 0o777 for path in (self.daemon.state, self.journal)], [0o755, 0o750])
        self.assertIn(f"others could write to {self.journal}", self.daemon.read_log())

    def test_record_of_another_user_is_not_believed(self):
        path = os.path.join(self.journal, "planted.record")
        with open(path, "wb") as file:
            file.write(self.record_of("planted"))
        os.chown(path, NOBODY, NOBODY)
        self.assert_set_aside("planted.record")
        self.assertIn("is not a regular file of user 0", self.daemon.read_log())

    def test_record_that_is_a_link(self):
        real = os.path.join(self.elsewhere, "linked.record")
        with open(real, "wb") as file:
            file.write(self.record_of("linked"))
        os.symlink(real, os.path.join(self.journal, "linked.record"))
        self.assert_set_aside("linked.record")
        self.assertEqual(sorted(os.listdir(self.elsewhere)), ["linked.record", "victim"])

    def test_record_that_is_no_file(self):
        for make in (os.mkfifo, os.mkdir, lambda path: os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))):
            path = os.path.join(self.journal, "odd.record")
            make(path)
            self.assert_set_aside("odd.record")
            self.daemon.stop()
            lab.run("rm", "-r", f"{path}.aside")

    def test_what_stands_where_a_record_is_drafted(self):
        self.daemon.start()
        for number, make in enumerate((os.symlink, os.link, lambda _, path: os.mkfifo(path))):
            id = f"drafted-{number}"
            make(self.victim, os.path.join(self.journal, f".tmp-{id}.record"))
            self.daemon.inject("blackhole", to="192.0.2.1", id=id)
            self.assertTrue(os.path.isfile(os.path.join(self.journal, f"{id}.record")))

    def test_ids_are_no_paths(self):
        self.daemon.start()
        for id in ("../victim", "/etc/passwd", "..", ".", "a/b", "a\0b", ".tmp-x", "x" * 300):
            with self.assertRaises(grpc.RpcError, msg=id) as raised:
                self.daemon.inject("noop", id=id)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT, raised.exception.details())
            self.assertTrue(raised.exception.details().startswith("id"), raised.exception.details())
        for call, request in ((self.daemon.faults.GetFault, pb.GetFaultRequest), (self.daemon.faults.RevertFault, pb.RevertFaultRequest)):
            with self.assertRaises(grpc.RpcError) as raised:
                call(request(id="../../elsewhere/victim"), timeout=lab.DEADLINE)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
