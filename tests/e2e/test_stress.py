"""Stress faults, measured from what the kernel says and not from what they report."""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import zlib
from concurrent import futures

import grpc
import lab
from lab import ACTIVE, FAILED, REVERTED, run, wait_for

MIB = 1 << 20
MS_BIND = 4096
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def load_threads(pid):
    """All but the first thread, and but the one that the thread sanitizer starts before others."""
    others = sorted(int(thread) for thread in os.listdir(f"/proc/{pid}/task"))[1:]
    return others[1:] if lab.is_sanitized("faultd-stress", "tsan") else others


def resident_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Rss:")) * 1024


def io_bytes(pid):
    """What it has read and written, through the page cache or not."""
    with open(f"/proc/{pid}/io", encoding="ascii") as file:
        values = dict(line.split(": ") for line in file.read().splitlines())
    return int(values["rchar"]), int(values["wchar"])


def cgroups(state):
    """The cgroups of stress processes of the daemon with this state directory; others may have theirs."""
    prefix = f"faultd-{zlib.crc32(os.path.realpath(state).encode()):08x}-"
    found = set()
    with open("/proc/mounts", encoding="ascii") as file:
        mounts = [line.split()[1] for line in file if line.split()[2] == "cgroup2"]
    for mount in mounts:
        for path, names, _ in os.walk(mount):
            found.update(os.path.join(path, name) for name in names if name.startswith(prefix))
    return found


def usage(path):
    """(free bytes, free inodes) as unprivileged users see them, and the names that are there."""
    room = os.statvfs(path)
    return room.f_bavail * room.f_frsize, room.f_favail, sorted(os.listdir(path))


class StressTest(unittest.TestCase):
    CONFIG = ""

    def setUp(self):
        self.daemon = lab.Daemon(config=self.CONFIG).start()
        self.addCleanup(self.stop)

    def stop(self):
        self.daemon.stop()
        self.assert_clean()

    def assert_clean(self):
        self.assertEqual(self.daemon.stress_processes(), [])
        self.assertEqual(cgroups(self.daemon.state), set())
        self.assertEqual(self.daemon.records(), [])

    def inject(self, kind, **fields):
        """The fault and the one process that it has."""
        fault = self.daemon.inject(kind, **fields)
        self.assertEqual(fault.state, ACTIVE)
        (pid,) = self.daemon.stress_processes(fault.id)
        return fault, pid

    def assert_refused(self, code, text, kind, **fields):
        with self.assertRaises(grpc.RpcError) as caught:
            self.daemon.inject(kind, **fields)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        self.assertIn(text, caught.exception.details())
        self.assert_clean()

    def wait_for_effect(self, id, condition, what):
        wait_for(lambda: condition(self.daemon.effect(id)), what)

    def kill_everything(self):
        guardian = self.daemon.guardians()[0]
        os.kill(guardian, signal.SIGSTOP)  # so that it cannot win the race
        processes = self.daemon.stress_processes()
        self.daemon.process.kill()
        for pid in [*processes, guardian]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.daemon.wait()
        wait_for(lambda: self.daemon.stress_processes() == [], "the stress processes are gone")

    # The effect.

    def test_cpu_uses_the_time_that_was_asked_for(self):
        fault, pid = self.inject("cpu", load_percent=20, core_count=1)
        # Over three seconds of the process's life, so that a busy machine has room to catch up.
        start, used = time.monotonic(), cpu_seconds(pid)
        wait_for(lambda: time.monotonic() - start > 3, "three seconds have passed")
        share = (cpu_seconds(pid) - used) / (time.monotonic() - start)
        self.assertGreater(share, 0.1)
        self.assertLess(share, 0.25)
        self.assertEqual([core.core for core in self.daemon.effect(fault.id).cores], [min(os.sched_getaffinity(0))])
        self.assertEqual([os.sched_getaffinity(thread) for thread in load_threads(pid)], [{min(os.sched_getaffinity(0))}])

    def test_daemon_of_low_priority_can_start_stress(self):
        self.daemon.stop()
        self.daemon.wrapper = ["nice", "-n", "5"]
        self.daemon.start()
        _, pid = self.inject("cpu", load_percent=5, core_count=1)
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, pid), os.getpriority(os.PRIO_PROCESS, 0) + 5)

    def test_cpu_of_idle_priority(self):
        _, pid = self.inject("cpu", load_percent=10, core_count=1, priority="CPU_PRIORITY_IDLE")
        self.assertEqual([os.sched_getscheduler(thread) for thread in load_threads(pid)], [os.SCHED_IDLE])

    def test_memory_on_a_host_with_many_mounts(self):
        """The list of all is longer than a megabyte, as with hundreds of containers."""
        top = self.enterContext(tempfile.TemporaryDirectory(prefix="faultd-mounts-"))
        run("mount", "-t", "tmpfs", "mounts", top)
        self.addCleanup(run, "umount", "--lazy", top)
        place = os.path.join(top, *["long" * 60] * 3)
        os.makedirs(place)
        mount = ctypes.CDLL(None, use_errno=True).mount
        for number in range(900):
            os.mkdir(os.path.join(place, str(number)))
            path = os.path.join(place, str(number)).encode()
            self.assertEqual(mount(path, path, None, MS_BIND, None), 0, os.strerror(ctypes.get_errno()))
        with open("/proc/self/mountinfo", "rb") as mounts:
            self.assertGreater(len(mounts.read()), MIB)
        self.daemon.stop()
        self.daemon.start()
        fault, pid = self.inject("memory", bytes=8 * MIB)
        wait_for(lambda: resident_bytes(pid) >= 8 * MIB, "it is all resident")
        self.assertEqual(self.daemon.revert(fault.id).state, REVERTED)

    def test_memory_is_resident(self):
        for backing in ("ANONYMOUS", "PAGE_CACHE"):
            with self.subTest(backing):
                fault, pid = self.inject("memory", bytes=96 * MIB, backing=f"MEMORY_BACKING_{backing}")
                wait_for(lambda: resident_bytes(pid) >= 96 * MIB, "it is all resident")
                self.assertLess(resident_bytes(pid), 128 * MIB)
                self.wait_for_effect(fault.id, lambda effect: effect.resident_bytes >= 96 * MIB, "it reports so")
                self.assertEqual(self.daemon.revert(fault.id).state, REVERTED)
                self.assert_clean()

    def test_memory_grows_at_the_rate_asked_for(self):
        _, pid = self.inject("memory", bytes=512 * MIB, bytes_per_second=MIB)
        wait_for(lambda: resident_bytes(pid) > 5 * MIB, "it grows")
        self.assertLess(resident_bytes(pid), 256 * MIB)

    def test_disk_is_filled_without_a_name(self):
        with lab.file_system() as disk:
            before = usage(disk)
            fault, _ = self.inject("disk_fill", path=disk, bytes=20 * MIB)
            self.assertLessEqual(usage(disk)[0], before[0] - 20 * MIB)
            self.assertGreater(usage(disk)[0], before[0] - 22 * MIB)
            self.assertEqual(usage(disk)[2], before[2])
            self.daemon.revert(fault.id)
            self.assertEqual(usage(disk), before)

    def test_disk_is_filled_to_a_share_or_to_what_is_left(self):
        with lab.file_system() as disk:
            before = usage(disk)
            fault, _ = self.inject("disk_fill", path=disk, percent_full=80)
            shown = int(run("df", "--output=pcent", disk).split()[-1].rstrip("%"))
            self.assertTrue(79 <= shown <= 81, f"df shows {shown} %")
            second, _ = self.inject("disk_fill", path=disk, leave_free_bytes=4 * MIB)
            self.assertTrue(3 * MIB <= usage(disk)[0] <= 4 * MIB, usage(disk))
            self.daemon.revert(fault.id)
            self.daemon.revert(second.id)
            self.assertEqual(usage(disk), before)

    def test_inodes_run_out(self):
        with lab.file_system() as disk:
            before = usage(disk)
            fault, _ = self.inject("disk_fill", path=disk, inodes_percent_full=100)
            wait_for(lambda: usage(disk)[1] == 0, "no inode is left")
            with self.assertRaisesRegex(OSError, "No space left"):
                os.mkdir(os.path.join(disk, "another"))
            self.assertEqual(self.daemon.revert(fault.id).state, REVERTED)
            self.assertEqual(usage(disk), before)

    def test_disk_io_reads_and_writes(self):
        with lab.file_system() as disk:
            before = usage(disk)
            fault, pid = self.inject("disk_io", path=disk, threads=2, block_bytes=4096, read_percent=70, file_bytes=8 * MIB)
            self.wait_for_effect(fault.id, lambda effect: effect.operations > 500, "operations are counted")
            start = io_bytes(pid)
            wait_for(lambda: all(now - then > MIB for now, then in zip(io_bytes(pid), start)), "the kernel counts them too")
            self.assertEqual(usage(disk)[2], before[2])
            self.daemon.revert(fault.id)
            self.assertEqual(usage(disk), before)

    def test_watchers_see_the_effect(self):
        fault, _ = self.inject("cpu", load_percent=10, core_count=1)
        request = lab.pb.WatchFaultsRequest(id=fault.id)
        request.effect_interval.FromSeconds(1)
        seen = []
        for event in self.daemon.faults.WatchFaults(request, timeout=lab.DEADLINE):
            if event.WhichOneof("event") == "fault" and event.fault.effect.cpu.achieved_percent > 0:
                seen.append(event.fault.effect.cpu)
            if len(seen) == 2:
                break
        self.assertEqual([effect.requested_percent for effect in seen], [10, 10])

    def test_several_at_once_end_one_by_one(self):
        with lab.file_system() as disk:
            before = usage(disk)
            cpu, _ = self.inject("cpu", load_percent=10, core_count=1)
            memory, _ = self.inject("memory", bytes=16 * MIB)
            fill, _ = self.inject("disk_fill", path=disk, bytes=8 * MIB)
            other, _ = self.inject("cpu", load_percent=5, core_count=1)
            for fault, left in ((memory, 3), (cpu, 2), (fill, 1), (other, 0)):
                self.assertEqual(self.daemon.revert(fault.id).state, REVERTED)
                self.assertEqual(len(self.daemon.stress_processes()), left)
            self.assertEqual(usage(disk), before)

    def test_lease_ends_it(self):
        fault, pid = self.inject("memory", bytes=64 * MIB, lease=1)
        self.assertEqual(self.daemon.wait_for_end(fault.id).state, REVERTED)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))
        self.assert_clean()

    def test_process_is_expendable_and_dies_with_the_daemon(self):
        _, pid = self.inject("cpu", load_percent=5, core_count=1)
        with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as file:
            self.assertEqual(file.read().strip(), "1000")
        # The lock, the journal and the sockets are the daemon's alone.
        links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        self.assertFalse([link for link in links if self.daemon.state in link], links)
        plan = self.daemon.faults.PlanFault(lab.pb.PlanFaultRequest(spec=lab.spec("cpu", load_percent=5)))
        self.assertEqual(len(cgroups(self.daemon.state)), 1 if plan.undo.cpu.cgroup_parent else 0)
        for cgroup in cgroups(self.daemon.state):
            with open(f"{cgroup}/cgroup.procs", encoding="ascii") as file:
                self.assertEqual(file.read().split(), [str(pid)])

    # The promise.

    def inject_all(self, disk):
        self.inject("cpu", load_percent=5, core_count=1)
        self.inject("memory", bytes=32 * MIB)
        self.inject("disk_fill", path=disk, bytes=8 * MIB)
        self.inject("disk_fill", path=disk, inodes_percent_full=90)
        fault, _ = self.inject("disk_io", path=disk, file_bytes=4 * MIB)
        self.wait_for_effect(fault.id, lambda effect: effect.operations > 0, "it reads and writes")
        wait_for(lambda: usage(disk)[1] < 1000, "inodes are used up")

    def test_sigkill_of_the_daemon(self):
        with lab.file_system() as disk:
            before = usage(disk)
            self.inject_all(disk)
            self.daemon.kill()
            self.assert_clean()
            self.assertEqual(usage(disk), before)

    def test_sigkill_of_everything(self):
        with lab.file_system() as disk:
            before = usage(disk)
            self.inject_all(disk)
            self.kill_everything()
            # The kernel took back all that has no name, with nobody's help.
            wait_for(lambda: usage(disk)[0] >= before[0] - MIB, "the room is free again")
            self.assertEqual(len(self.daemon.records()), 5)
            once = subprocess.run([f"{lab.BIN}/faultd-guardian", "--once", "--state-dir", self.daemon.state],
                                  capture_output=True, text=True, timeout=lab.DEADLINE)
            self.assertEqual(once.returncode, 0, once.stderr)
            self.assert_clean()
            self.assertEqual(usage(disk), before)

    def test_disk_that_is_mounted_later_than_the_daemon_starts(self):
        """As at a boot, with "nofail" in fstab: what is on it is removed all the same."""
        with lab.file_system() as disk:
            before = usage(disk)
            image = os.path.join(os.path.dirname(disk), "image")
            self.inject("disk_fill", path=disk, inodes_percent_full=50)
            wait_for(lambda: usage(disk)[1] < before[1] / 2 + 100, "inodes are used up")
            self.kill_everything()
            run("umount", disk)
            said = len(self.daemon.read_log())
            with futures.ThreadPoolExecutor(1) as executor:
                start = executor.submit(self.daemon.start)
                wait_for(lambda: f"no file system is mounted at {disk} any more" in self.daemon.read_log()[said:], "it says what it lacks")
                self.assertFalse(start.done())
                self.assertEqual(len(self.daemon.records()), 1)
                run("mount", "-o", "loop", image, disk)
                start.result()
            self.assertEqual(self.daemon.records(), [])
            self.assertEqual(usage(disk), before)

    def test_disk_that_is_unmounted_during_the_fault(self):
        """It is reverted once the disk is back, and neither the daemon nor other faults end for it."""
        with lab.file_system() as disk:
            before = usage(disk)
            image = os.path.join(os.path.dirname(disk), "image")
            other, _ = self.inject("cpu", load_percent=5, core_count=1)
            fault, _ = self.inject("disk_fill", path=disk, inodes_percent_full=50)
            wait_for(lambda: usage(disk)[1] < before[1] / 2 + 100, "inodes are used up")
            run("umount", "--lazy", disk)
            renewal = lab.pb.RenewLeaseRequest(id=fault.id)
            renewal.duration.FromSeconds(1)
            self.daemon.faults.RenewLease(renewal)
            # By then more time has passed than the guardian gives a daemon that hangs.
            wait_for(lambda: "REVERT FAILED (attempt 8): no file system is mounted at" in self.daemon.read_log(), "it is tried for long")
            self.assertEqual(self.daemon.get(other.id).state, ACTIVE)
            run("mount", "-o", "loop", image, disk)
            self.assertEqual(self.daemon.wait_for_end(fault.id).state, REVERTED)
            self.assertEqual(usage(disk), before)
            self.daemon.revert(other.id)

    def test_process_of_another_user_that_passes_for_ours(self):
        """Whatever it is up to, the host is put back, and it is left alone."""
        fault, _ = self.inject("memory", bytes=16 * MIB)
        order, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with order, theirs, tempfile.TemporaryDirectory(prefix="faultd-test-") as directory:
            os.chmod(directory, 0o755)
            program = shutil.copy(f"{lab.BIN}/faultd-stress", directory)
            arguments = ["--fault", fault.id, "--state-dir", os.path.realpath(self.daemon.state), "--parent", str(os.getpid())]
            other = subprocess.Popen([program, *arguments], stdin=theirs, user=65534)
            try:
                self.daemon.kill()
                self.assertEqual(self.daemon.records(), [])
                self.daemon.start()
                self.assertEqual(self.daemon.stress_processes(), [other.pid])
                self.assertIsNone(other.poll())
            finally:
                other.kill()
                other.wait()

    def test_sigkill_of_the_stress_process(self):
        victim, pid = self.inject("memory", bytes=16 * MIB)
        other, _ = self.inject("cpu", load_percent=5, core_count=1)
        os.kill(pid, signal.SIGKILL)
        over = self.daemon.wait_for_end(victim.id)
        self.assertEqual(over.state, FAILED)
        self.assertEqual(over.error.message, f"stress process {pid} ended by itself: killed by signal 9")
        self.assertEqual(self.daemon.get(other.id).state, ACTIVE)
        self.assertEqual(len(self.daemon.records()), 1)

    def test_sigstop_of_the_stress_process(self):
        fault, pid = self.inject("cpu", load_percent=5, core_count=1)
        os.kill(pid, signal.SIGSTOP)
        self.assertEqual(self.daemon.revert(fault.id).state, REVERTED)
        self.assert_clean()

    def test_hold_ends_with_its_stream(self):
        request = lab.pb.HoldFaultRequest()
        request.inject.CopyFrom(lab.pb.InjectFaultRequest(spec=lab.spec("memory", bytes=16 * MIB)))
        request.inject.duration.FromSeconds(60)
        done = threading.Event()

        def requests():
            yield request
            done.wait(lab.DEADLINE)

        stream = self.daemon.faults.HoldFault(requests(), timeout=lab.DEADLINE)
        next(stream)
        wait_for(lambda: len(self.daemon.stress_processes()) == 1, "it has begun")
        stream.cancel()
        done.set()
        wait_for(lambda: self.daemon.stress_processes() == [] and self.daemon.records() == [], "it is over")

    def test_dry_run_changes_nothing(self):
        for kind, fields in (("cpu", {"load_percent": 80}), ("memory", {"percent_of_available": 10}),
                             ("disk_fill", {"path": "/var", "bytes": MIB}), ("disk_io", {"path": "/var/tmp"})):
            plan = self.daemon.faults.PlanFault(lab.pb.PlanFaultRequest(spec=lab.spec(kind, **fields)))
            self.assertGreaterEqual(len(plan.changes), 2, plan)
            self.assert_clean()

    def test_without_cgroup_v2(self):
        self.daemon.stop()
        self.daemon.wrapper = ["unshare", "--mount", "sh", "-c", "umount --lazy --all --types cgroup2; exec \"$@\"", "--"]
        self.daemon.start()
        plan = self.daemon.faults.PlanFault(lab.pb.PlanFaultRequest(spec=lab.spec("cpu", load_percent=5)))
        self.assertEqual(plan.changes[-1], "start a stress process")
        self.inject("cpu", load_percent=5, core_count=1)
        fault, _ = self.inject("memory", bytes=16 * MIB)
        self.assertEqual(self.daemon.revert(fault.id).state, REVERTED)
        self.daemon.kill()
        self.assert_clean()
        self.daemon.start()

    # Bad input.

    def test_more_memory_than_there_is(self):
        self.assert_refused(grpc.StatusCode.FAILED_PRECONDITION, "4EiB is more than there is: of ", "memory", bytes=4 << 60)

    def test_less_reserve_than_the_host_wants(self):
        self.assert_refused(grpc.StatusCode.PERMISSION_DENIED, "spec.memory.reserve_bytes: 1MiB is less than",
                            "memory", bytes=MIB, reserve_bytes=MIB)

    def test_cores_that_do_not_exist(self):
        self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, "spec.cpu.core_list: core 4711 is not there to be used",
                            "cpu", load_percent=5, core_list="0,4711")
        self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, "spec.cpu.core_count: 5000 is more than there are",
                            "cpu", load_percent=5, core_count=5000)

    def test_paths_where_no_file_can_be(self):
        refused = grpc.StatusCode.FAILED_PRECONDITION
        for kind, fields in (("disk_fill", {"bytes": MIB}), ("disk_io", {})):
            self.assert_refused(refused, "there is no directory /no/such", kind, path="/no/such", **fields)
            self.assert_refused(refused, "/proc/sys is on a file system of type proc, which is no place", kind,
                                path="/proc/sys", **fields)
            self.assert_refused(refused, "/etc/passwd is not a directory", kind, path="/etc/passwd", **fields)
            self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, '"tmp" is not an absolute path', kind, path="tmp", **fields)
        with lab.file_system() as disk:
            run("mount", "-o", "remount,ro", disk)
            self.assert_refused(refused, "mounted read-only", "disk_fill", path=disk, bytes=MIB)

    def test_more_room_than_there_is(self):
        with lab.file_system() as disk:
            before = usage(disk)
            self.assert_refused(grpc.StatusCode.FAILED_PRECONDITION, "1GiB is more than there is", "disk_fill",
                                path=disk, bytes=1 << 30)
            self.assert_refused(grpc.StatusCode.FAILED_PRECONDITION, "a file of 256MiB is more than there is", "disk_io",
                                path=disk)
            self.assertEqual(usage(disk), before)
            with open(os.path.join(disk, "other"), "wb") as file:
                os.posix_fallocate(file.fileno(), 0, 16 * MIB)
            self.assert_refused(grpc.StatusCode.FAILED_PRECONDITION, "% full already", "disk_fill", path=disk, percent_full=5)

    def test_a_stress_program_that_is_missing(self):
        self.daemon.stop()
        original, self.daemon.arguments = self.daemon.arguments, ["--stress", "/no/such/faultd-stress"]
        self.daemon.start()
        self.assert_refused(grpc.StatusCode.NOT_FOUND, "start /no/such/faultd-stress: No such file", "cpu", load_percent=5)
        self.daemon.arguments = original


class FullDiskTest(unittest.TestCase):
    def test_revert_on_a_full_file_system_with_the_journal_on_it(self):
        with lab.file_system() as disk:
            os.mkdir(os.path.join(disk, "faultd"))
            daemon = lab.Daemon(directory=os.path.join(disk, "faultd"), policy='[stress]\njournal_reserve = "0"\n')
            daemon.start()
            try:
                before = usage(disk)[0]
                for end in ("revert", "kill"):
                    fault = daemon.inject("disk_fill", path=disk, percent_full=100)
                    self.assertLess(usage(disk)[0], 64 * 1024)
                    if end == "revert":
                        self.assertEqual(daemon.revert(fault.id).state, REVERTED)
                    else:
                        daemon.kill()
                    self.assertEqual(daemon.records(), [])
                    self.assertGreater(usage(disk)[0], before - MIB)
            finally:
                daemon.stop()

    def test_the_journal_keeps_its_reserve(self):
        with lab.file_system() as disk:
            os.mkdir(os.path.join(disk, "faultd"))
            daemon = lab.Daemon(directory=os.path.join(disk, "faultd"), policy='[stress]\njournal_reserve = "16MiB"\n')
            daemon.start()
            try:
                daemon.inject("disk_fill", path=disk, percent_full=100)
                self.assertTrue(15 * MIB <= usage(disk)[0] <= 17 * MIB, usage(disk))
                # Somebody else takes some of it: the fault makes room.
                with open(os.path.join(disk, "other"), "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, 8 * MIB)
                wait_for(lambda: usage(disk)[0] >= 15 * MIB, "the reserve is there again")
            finally:
                daemon.stop()
            self.assertEqual(daemon.records(), [])


if __name__ == "__main__":
    unittest.main()
