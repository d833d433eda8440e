"""A disk that stalls or goes read-only, with the journal on it: no lease ends late for it, and no kill leaves anything."""

import contextlib
import os
import shutil
import signal
import time
import unittest

import lab
import test_remote
from lab import REVERTED, fault_pb2, pb, probe_service_pb, wait_for


class DiskTest(lab.HostTest):
    def setUp(self):
        self.daemon = lab.Daemon()
        self.addCleanup(shutil.rmtree, self.daemon.directory)

    def tearDown(self):
        self.assertEqual(lab.snapshot(), self.before)
        self.assertEqual(self.daemon.records(), [])

    def reachable(self, n):
        return lab.ping(self.network.v4(n), timeout=0.2)[0] == 1

    def blackhole(self, n, lease=60):
        fault = self.daemon.inject("blackhole", to=self.network.v4(n), direction="DIRECTION_BOTH", lease=lease)
        self.assertFalse(self.reachable(n))
        return fault

    def begin(self, kind, **fields):
        """What waits for the answer, for longer than a disk stalls."""
        return self.daemon.faults.InjectFault.future(self.daemon.inject_request(kind, **fields), timeout=6 * lab.DEADLINE)


class StalledDiskTest(DiskTest):
    def setUp(self):
        super().setUp()
        self.disk = self.enterContext(lab.file_system())
        self.daemon.state = os.path.join(self.disk, "state")
        self.daemon.start()

    def tearDown(self):
        self.daemon.stop()
        super().tearDown()

    def restart(self, config=""):
        self.daemon.stop()
        with open(self.daemon.config, "w", encoding="utf8") as file:
            file.write(config)
        self.daemon.start()

    @contextlib.contextmanager
    def stalled(self, disk=None):
        """Whoever writes to the disk waits, and cannot be killed, until the end."""
        lab.run("fsfreeze", "--freeze", disk or self.disk)
        try:
            yield
        finally:
            lab.run("fsfreeze", "--unfreeze", disk or self.disk)

    def begin_blackhole(self, n):
        """What waits for the answer, once the daemon waits for the disk."""
        waiting = self.begin("blackhole", to=self.network.v4(n), direction="DIRECTION_BOTH")
        wait_for(self.waits_for_the_disk, "a thread of the daemon waits for the disk")
        return waiting

    def waits_for_the_disk(self):
        tasks = f"/proc/{self.daemon.process.pid}/task"
        states = []
        for task in os.listdir(tasks):
            with contextlib.suppress(OSError), open(f"{tasks}/{task}/stat", encoding="utf8") as file:
                states.append(file.read().rpartition(")")[2].split()[0])
        return "D" in states

    def test_leases_end_in_time(self):
        guardian = self.daemon.guardians()
        ends = self.blackhole(3, lease=3)
        deadline = time.clock_gettime(time.CLOCK_BOOTTIME) + 3
        stays = self.blackhole(4)
        with self.stalled():
            waits = self.begin_blackhole(5)
            wait_for(lambda: self.reachable(3), "the lease ends")
            # Two seconds later the guardian would take the daemon for hanging if it did not know better.
            wait_for(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) > deadline + 3, "the guardian has had its time")
            self.assertEqual(self.daemon.get(ends.id).state, fault_pb2.FAULT_STATE_REVERTING)
            self.assertIn(f"{ends.id}.record", self.daemon.records())
            self.assertEqual(self.daemon.get(stays.id).state, lab.ACTIVE)
            self.assertFalse(self.reachable(4))
            self.assertTrue(self.reachable(5), "nothing happens without a record")
            self.assertFalse(waits.done())
            self.assertEqual(self.daemon.guardians(), guardian)
        self.assertEqual(waits.result().fault.state, lab.ACTIVE)
        self.assertFalse(self.reachable(5))
        self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)

    def test_new_lease_counts_once_it_is_written(self):
        fault = self.blackhole(3, lease=2)
        request = pb.RenewLeaseRequest(id=fault.id)
        request.duration.seconds = 60
        with self.stalled():
            renewal = self.daemon.faults.RenewLease.future(request, timeout=6 * lab.DEADLINE)
            wait_for(lambda: self.reachable(3), "the lease that there was ends")
        self.assertEqual(renewal.exception().code(), lab.grpc.StatusCode.ABORTED)
        self.assertEqual(self.daemon.wait_for_end(fault.id).state, REVERTED)

    def test_lever_reverts_at_once(self):
        fault = self.blackhole(3)
        with self.stalled():
            waits = self.begin_blackhole(4)
            request = lab.agent_pb.SetSafetyLeverRequest(engaged=True, reason="the disk")
            engaged = self.daemon.agents.SetSafetyLever.future(request, timeout=6 * lab.DEADLINE)
            wait_for(lambda: self.reachable(3), "the fault is over")
            self.assertFalse(engaged.done())
        self.assertEqual(engaged.result().safety_lever.not_durable, "")
        self.assertEqual(waits.exception().code(), lab.grpc.StatusCode.ABORTED)
        self.assertEqual(self.daemon.get(fault.id).state, REVERTED)
        self.daemon.set_lever(False)

    def test_disk_that_a_fault_has_filled(self):
        other = self.enterContext(lab.file_system())
        before = sorted(os.listdir(other))
        fills = self.daemon.inject("disk_fill", path=other, inodes_percent_full=50)
        self.blackhole(3)
        ends = self.blackhole(4, lease=3)
        with self.stalled(other):
            reverted = self.daemon.faults.RevertFault.future(pb.RevertFaultRequest(id=fills.id), timeout=6 * lab.DEADLINE)
            wait_for(self.waits_for_the_disk, "a thread of the daemon waits for the disk")
            self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
            self.assertFalse(reverted.done())
            self.daemon.process.kill()
            wait_for(lambda: self.reachable(3), "the kernel ends the fault")
        self.daemon.wait()
        self.assertEqual(sorted(os.listdir(other)), before)

    def refusals(self, paths):
        """Of requests that are under way at the same time."""
        asked = [self.begin("disk_fill", path=path, percent_full=50) for path in paths]
        errors = [each.exception() for each in asked]
        self.assertEqual({error.code() for error in errors}, {lab.grpc.StatusCode.UNAVAILABLE})
        return [error.details() for error in errors]

    def is_accepted(self, path):
        with contextlib.suppress(lab.grpc.RpcError):
            return self.daemon.revert(self.daemon.inject("disk_fill", path=path, percent_full=50).id).state == REVERTED
        return False

    def test_disk_that_is_asked_for_and_does_not_answer(self):
        silent, server = self.enterContext(lab.silent_file_system())
        ends = self.blackhole(3, lease=3)
        stays = self.blackhole(4)
        for refusal in self.refusals([silent] * 2):
            self.assertIn(f"spec.disk_fill.path: {silent}: its file system does not answer", refusal)
        server.read(1 << 17)
        self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
        self.assertEqual(self.daemon.get(stays.id).state, lab.ACTIVE)
        self.daemon.process.kill()
        wait_for(lambda: self.reachable(4), "the kernel ends the fault")
        wait_for(lambda: not self.daemon.guardians(), "the guardian is done")
        self.assertTrue(self.waits_for_the_disk())
        server.close()
        self.daemon.wait()

    def test_disk_with_the_log(self):
        other = self.enterContext(lab.file_system())
        self.daemon.stop()
        self.daemon.log = os.path.join(other, "log")
        self.daemon.start()
        with self.stalled(other):
            ends = self.blackhole(3, lease=2)
            self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
            self.blackhole(4)
            self.daemon.process.kill()
            wait_for(lambda: self.reachable(4), "the kernel ends the fault")
            wait_for(lambda: not self.daemon.records(), "the guardian puts the host back")
            self.assertTrue(self.daemon.guardians(), "what it has done is still to be told")
        self.daemon.wait()
        self.assertRegex(self.daemon.read_log(), "faultd-guardian: .*reverted")

    def test_disk_with_the_names_of_hosts(self):
        ends = self.blackhole(3, lease=3)
        stays = self.blackhole(4)
        _, server = self.enterContext(lab.silent_file_system("/etc/hosts"))
        with self.assertRaises(lab.grpc.RpcError) as raised:
            self.daemon.inject("blackhole", to="db.test")
        self.assertIn("the name db.test does not resolve: no answer from the resolver", raised.exception.details())
        self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
        self.assertEqual(self.daemon.get(stays.id).state, lab.ACTIVE)
        self.check_kill_while_it_is_read(server, 4)

    def check_kill_while_it_is_read(self, server, n):
        """The kernel ends the fault, although a thread waits for the disk."""
        server.read(1 << 17)
        self.daemon.process.kill()
        wait_for(lambda: self.reachable(n), "the kernel ends the fault")
        wait_for(lambda: not self.daemon.guardians(), "the guardian is done")
        self.assertEqual(lab.snapshot(), self.before)
        server.close()
        self.daemon.wait()

    def test_disk_with_the_names_of_users(self):
        ends = self.blackhole(3, lease=3)
        stays = self.blackhole(4)
        _, server = self.enterContext(lab.silent_file_system("/etc/passwd"))
        with lab.grpc.insecure_channel(f"unix:{self.daemon.socket}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            reverted = lab.Stubs(channel).faults.RevertFault(pb.RevertFaultRequest(id=stays.id), timeout=lab.DEADLINE)
            self.assertEqual(reverted.fault.state, REVERTED)
        self.assertIn("uid=0(?)", self.daemon.read_log())
        self.blackhole(5)
        self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
        self.check_kill_while_it_is_read(server, 5)

    def test_disk_with_the_name_of_the_system(self):
        known = self.daemon.agent().os
        ends = self.blackhole(3, lease=3)
        self.enterContext(lab.silent_file_system(os.path.realpath("/etc/os-release")))
        self.assertEqual(self.daemon.agent().os, known)
        self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)

    def test_disk_with_the_records_set_aside(self):
        ends = self.blackhole(3, lease=3)
        self.blackhole(4)
        with lab.silent_file_system(os.path.join(self.daemon.state, "journal")) as (_, server):
            [set_aside] = self.daemon.agent().leftovers
            self.assertEqual((set_aside.name, set_aside.detail), ("?", "the disk with the files of the host does not answer"))
            self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
            server.read(1 << 17)
            self.daemon.process.kill()
            wait_for(lambda: self.reachable(4), "the kernel ends the fault")
        # The guardian wants the records as well, and has them now.
        self.daemon.wait()

    def test_disk_with_the_modules(self):
        has_netem = any(c.kind == "latency" and c.state == c.AVAILABLE for c in self.daemon.agent().capabilities)
        ends = self.blackhole(3, lease=3)
        self.blackhole(4)
        _, server = self.enterContext(lab.silent_file_system(os.path.realpath("/lib/modprobe.d/aliases.conf")))
        if has_netem:  # then nothing is to be loaded
            self.assertEqual(self.daemon.inject("latency", to=self.network.v4(5), delay=0.1).state, lab.ACTIVE)
            return
        with self.assertRaises(lab.grpc.RpcError) as refused:
            self.daemon.inject("latency", to=self.network.v4(5), delay=0.1)
        self.assertEqual(refused.exception.code(), lab.grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("load module sch_netem: the disk does not answer", refused.exception.details())
        self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
        self.check_kill_while_it_is_read(server, 4)

    def test_disk_with_the_policy(self):
        ends = self.blackhole(3, lease=3)
        self.blackhole(4)
        _, server = self.enterContext(lab.silent_file_system(self.daemon.policy))
        self.daemon.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
        self.check_kill_while_it_is_read(server, 4)

    def check_probe(self, file):
        """A probe goes by a file that does not answer."""
        self.restart('[[probe]]\nname = "db"\ntarget = "db.test:5432"\ninterval = "1s"\ntimeout = "300ms"\n')
        ends = self.blackhole(3, lease=3)
        self.blackhole(4)
        _, server = self.enterContext(lab.silent_file_system(file))
        name = "look up db.test: the disk with the files of the host does not answer"
        wait_for(lambda: name in [result.error for result in self.last_results()], "the probe fails")
        self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
        self.check_kill_while_it_is_read(server, 4)

    def last_results(self):
        [probe] = self.daemon.probes.ListProbes(probe_service_pb.ListProbesRequest(), timeout=lab.DEADLINE).probes
        return probe.results

    def test_disk_with_the_names_that_a_probe_needs(self):
        self.check_probe("/etc/hosts")

    def test_disk_with_the_name_servers_that_a_probe_needs(self):
        self.check_probe("/etc/resolv.conf")

    def test_disk_with_credentials(self):
        credentials = os.path.join(self.daemon.directory, "credentials")
        with open(credentials, "w", encoding="utf8"):
            pass
        self.daemon.environment |= {"AWS_SHARED_CREDENTIALS_FILE": credentials, "AWS_REGION": "eu-west-1"}
        self.restart()
        ends = self.blackhole(3, lease=3)
        self.blackhole(4)
        _, server = self.enterContext(lab.silent_file_system(credentials))
        request = pb.InjectFaultRequest(spec=lab.spec("cpu", load_percent=10, core_count=1))
        request.duration.seconds = 60
        request.guards.add().alarm.alarm = "checkout"
        waiting = self.daemon.faults.InjectFault.future(request, timeout=6 * lab.DEADLINE)
        self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
        self.check_kill_while_it_is_read(server, 4)
        self.assertIsNotNone(waiting.exception())

    def check_certificates(self, file):
        """The daemon goes by a file of its TLS that does not answer."""
        authority = test_remote.Authority()
        self.addCleanup(authority.folder.cleanup)
        lab.run("ip", "link", "set", "lo", "up")
        self.restart(test_remote.config(authority.directory))
        test_remote.get_agent(authority.connect("operator"))
        ends = self.blackhole(3, lease=3)
        self.blackhole(4)
        credentials = authority.credentials("operator")
        _, server = self.enterContext(lab.silent_file_system(os.path.join(authority.directory, file)))
        with lab.grpc.secure_channel(f"localhost:{test_remote.PORT}", credentials) as channel:
            waiting = lab.Stubs(channel).agents.GetAgent.future(lab.agent_pb.GetAgentRequest(), timeout=lab.DEADLINE)
            self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
            self.check_kill_while_it_is_read(server, 4)
            waiting.cancel()

    def test_disk_with_the_revocation_list(self):
        self.check_certificates("crl.pem")

    def test_disk_with_the_key_of_the_server(self):
        self.check_certificates("server.key")

    def test_disk_that_is_not_asked_because_too_many_do_not_answer(self):
        other = self.enterContext(lab.file_system())
        silent, server = self.enterContext(lab.silent_file_system())
        paths = [f"{silent}/{n}" for n in range(8)]
        for path, refusal in zip(paths, self.refusals(paths)):
            self.assertIn(f"{path}: its file system does not answer", refusal)
        self.assertIn(f"{other}: its file system was not asked", self.refusals([other])[0])
        server.close()
        wait_for(lambda: self.is_accepted(other), "it is asked again once they have answered")

    def test_process_that_cannot_die(self):
        """Nobody can end what writes to a disk that stalls. That is no reason to end the other faults."""
        other = self.enterContext(lab.file_system())
        guardian = self.daemon.guardians()
        stays = self.blackhole(3)
        writes = self.daemon.inject("disk_io", path=other, threads=1, block_bytes=4096, file_bytes=1 << 20, direct=False,
                                    read_percent=0, lease=3)
        deadline = time.clock_gettime(time.CLOCK_BOOTTIME) + 3
        [process] = self.daemon.stress_processes()
        with self.stalled(other):
            wait_for(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) > deadline + 3, "the guardian has had its time")
            self.assertTrue(os.path.exists(f"/proc/{process}"))
            self.assertEqual(self.daemon.get(writes.id).state, fault_pb2.FAULT_STATE_REVERTING)
            self.assertEqual(self.daemon.get(stays.id).state, lab.ACTIVE)
            self.assertFalse(self.reachable(3))
            self.assertEqual(self.daemon.guardians(), guardian)
        self.assertEqual(self.daemon.wait_for_end(writes.id).state, REVERTED)

    def test_read_only_disk(self):
        fault = self.blackhole(3)
        lab.run("mount", "-o", "remount,ro", self.disk)
        with self.assertRaises(lab.grpc.RpcError) as raised:
            self.daemon.inject("blackhole", to=self.network.v4(4))
        self.assertIn("Read-only file system", raised.exception.details())
        reverted = self.daemon.faults.RevertFault.future(pb.RevertFaultRequest(id=fault.id), timeout=6 * lab.DEADLINE)
        wait_for(lambda: self.reachable(3), "the fault is over")
        wait_for(lambda: self.daemon.get(fault.id).error.message, "the record cannot be removed")
        self.assertFalse(reverted.done())
        lab.run("mount", "-o", "remount,rw", self.disk)
        self.assertEqual(reverted.result().fault.state, REVERTED)

    def test_sigkill_on_a_read_only_disk(self):
        self.blackhole(3)
        lab.run("mount", "-o", "remount,ro", self.disk)
        self.daemon.kill()
        self.assertTrue(self.reachable(3))
        self.assertEqual(lab.snapshot(), self.before)
        self.assertEqual(len(self.daemon.records()), 1)
        lab.run("mount", "-o", "remount,rw", self.disk)
        self.daemon.start()
        self.assertEqual(self.daemon.records(), [])

    def test_sigkill_ends_everything_at_once(self):
        self.blackhole(3)
        self.daemon.inject("cpu", load_percent=10, core_count=1)
        with self.stalled():
            waits = self.begin_blackhole(4)
            self.daemon.process.kill()
            wait_for(lambda: self.reachable(3), "the kernel ends the fault")
            wait_for(lambda: "faultd" not in lab.run("ip", "link"), "the guardian removes the links")
            wait_for(lambda: not self.daemon.stress_processes(), "the stress process is gone")
            self.assertTrue(self.daemon.guardians(), "the records are still to be removed")
        self.assertEqual(waits.exception().code(), lab.grpc.StatusCode.UNAVAILABLE)
        self.daemon.wait()


class SilentProgramsTest(DiskTest):
    """The disk with the programs does not answer when one of them is to be started."""

    def setUp(self):
        super().setUp()
        self.silent, self.server = self.enterContext(lab.silent_file_system())
        for name in ("guardian", "stress"):
            os.symlink(f"{lab.BIN}/faultd-{name}", self.link(name))
            self.daemon.arguments += [f"--{name}", self.link(name)]
        self.daemon.start()

    def link(self, name):
        return os.path.join(self.daemon.directory, f"faultd-{name}")

    def lose(self, name):
        os.unlink(self.link(name))
        os.symlink(f"{self.silent}/faultd-{name}", self.link(name))

    def check_kill(self, n):
        """The kernel ends the fault, although a child still waits for the disk; nobody waits for the lock."""
        self.daemon.process.kill()
        wait_for(lambda: self.reachable(n), "the kernel ends the fault")
        self.daemon.process.wait(lab.DEADLINE)
        lab.run(f"{lab.BIN}/faultd-guardian", "--once", "--state-dir", self.daemon.state)
        self.assertEqual(lab.snapshot(), self.before)
        self.assertEqual(self.daemon.records(), [])
        self.server.close()
        self.daemon.wait()

    def test_guardian(self):
        ends = self.blackhole(3, lease=3)
        stays = self.blackhole(4)
        self.lose("guardian")
        [guardian] = self.daemon.guardians()
        os.kill(guardian, signal.SIGKILL)
        self.server.read(1 << 17)
        self.assertEqual(self.daemon.wait_for_end(ends.id).state, REVERTED)
        self.assertEqual(self.daemon.get(stays.id).state, lab.ACTIVE)
        self.assertEqual(self.daemon.agents.GetAgent(lab.agent_pb.GetAgentRequest(), timeout=lab.DEADLINE).agent.guardian_pid, 0)
        self.check_kill(4)

    def test_guardian_comes_when_the_disk_is_back(self):
        self.lose("guardian")
        [guardian] = self.daemon.guardians()
        os.kill(guardian, signal.SIGKILL)
        self.server.read(1 << 17)
        os.unlink(self.link("guardian"))
        os.symlink(f"{lab.BIN}/faultd-guardian", self.link("guardian"))
        self.server.close()
        wait_for(self.daemon.guardians, "there is another one")
        self.blackhole(3)
        self.daemon.kill()
        self.assertTrue(self.reachable(3))

    def test_stress(self):
        self.blackhole(3)
        self.lose("stress")
        waiting = self.begin("cpu", load_percent=10, core_count=1)
        self.server.read(1 << 17)
        self.check_kill(3)
        self.assertEqual(waiting.exception().code(), lab.grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
