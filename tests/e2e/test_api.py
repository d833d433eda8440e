"""The API as an orchestrator sees it, through a client that is not ours (python3-grpcio)."""

import os
import signal
import stat
import subprocess
import sys
import threading
import unittest

import lab
from lab import ACTIVE, REVERTED, error_details_pb2, grpc, pb, wait_for


class ApiTest(lab.HostTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon = lab.Daemon().start()
        cls.addClassCleanup(cls.daemon.stop)

    def setUp(self):
        self.daemon.faults.RevertAll(pb.RevertAllRequest())

    def assert_clean(self):
        self.assertEqual(lab.snapshot(), self.before)
        self.assertEqual(self.daemon.records(), [])

    def assert_refused(self, code, call, *arguments, **fields):
        with self.assertRaises(grpc.RpcError) as raised:
            call(*arguments, **fields)
        self.assertEqual(raised.exception.code(), code, raised.exception.details())
        return raised.exception

    def test_agent_says_who_it_is_and_what_it_can_do(self):
        agent = self.daemon.agent()
        self.assertEqual(agent.kernel, os.uname().release)
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            self.assertEqual(agent.boot_id, file.read().strip())
        self.assertEqual([c.kind for c in agent.capabilities], ["latency", "loss", "blackhole", "cpu", "memory", "disk_fill", "disk_io", "ecs_drain", "noop"])
        self.assertEqual(list(agent.leftovers), [])
        self.assertIn(agent.guardian_pid, self.daemon.guardians())

    def test_standard_health_and_reflection(self):
        # Hand-made messages: Debian has neither package for Python. HealthCheckResponse.status = SERVING (1);
        # ServerReflectionRequest.list_services = "" (field 7).
        check = self.daemon.channel.unary_unary("/grpc.health.v1.Health/Check")
        self.assertEqual(check(b""), b"\x08\x01")
        reflect = self.daemon.channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        answer = next(reflect(iter([b"\x3a\x00"])))
        for service in (b"faultd.v1.FaultService", b"faultd.v1.AgentService"):
            self.assertIn(service, answer)

    def test_socket_is_for_its_group_only(self):
        mode = os.stat(self.daemon.socket).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o660)

    def test_life_of_a_fault(self):
        fault = self.daemon.inject("blackhole", to=self.network.v4(3), lease=30)
        self.assertEqual(fault.state, ACTIVE)
        self.assertRegex(fault.actor, r"^uid=0\(root\) pid=%d comm=python3$" % os.getpid())
        self.assertEqual(self.daemon.records(), [fault.id + ".record"])
        self.assertEqual([f.id for f in self.daemon.list()], [fault.id])
        over = self.daemon.revert(fault.id)
        self.assertEqual(over.state, REVERTED)
        self.assertEqual(list(self.daemon.list()), [])
        self.assertEqual(self.daemon.get(fault.id).state, REVERTED)
        self.assertEqual(self.daemon.revert(fault.id).state, REVERTED)
        self.assert_clean()

    def test_lease_ends_by_itself(self):
        fault = self.daemon.inject("blackhole", to=self.network.v4(3), lease=1)
        over = self.daemon.wait_for_end(fault.id)
        self.assertEqual(over.end_reason, over.DESCRIPTOR.fields_by_name["end_reason"].enum_type.values_by_name["END_REASON_LEASE_ENDED"].number)
        self.assertGreaterEqual(over.end_time.ToNanoseconds(), fault.lease.deadline.ToNanoseconds() - 10**6)
        self.assert_clean()

    def test_renewal_moves_the_end(self):
        fault = self.daemon.inject("noop", lease=5)
        request = pb.RenewLeaseRequest(id=fault.id)
        request.duration.seconds = 600
        renewed = self.daemon.faults.RenewLease(request).fault
        self.assertGreater(renewed.lease.remaining.seconds, 500)
        request.duration.Clear()
        self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, self.daemon.faults.RenewLease, request)
        request.duration.nanos = 200_000_000
        self.daemon.faults.RenewLease(request)
        self.assertEqual(self.daemon.wait_for_end(fault.id).state, REVERTED)

    def test_same_id_is_the_same_fault(self):
        first = self.daemon.inject("blackhole", to=self.network.v4(3), id="mine-1")
        again = self.daemon.inject("blackhole", to=self.network.v4(3), id="mine-1")
        self.assertEqual(first.create_time, again.create_time)
        self.assertEqual(len(self.daemon.list()), 1)
        self.assert_refused(grpc.StatusCode.ALREADY_EXISTS, self.daemon.inject, "blackhole", to=self.network.v4(4), id="mine-1")

    def test_bad_field_is_named_with_its_path(self):
        error = self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, self.daemon.inject, "latency", to=self.network.v4(3), delay=0)
        self.assertEqual(error.details(), "spec.latency.delay: 0s is out of range; write 1us to 1m")
        violation = lab.details(error, error_details_pb2.BadRequest).field_violations[0]
        self.assertEqual(violation.field, "spec.latency.delay")
        error = self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, self.daemon.inject, "blackhole")
        self.assertIn("spec.blackhole.target.to: is empty", error.details())
        self.assert_clean()

    def test_unknown_fields_are_refused(self):
        # Field 99 in NetworkTarget, as from a newer client; ignored, it could mean "everything".
        request = pb.InjectFaultRequest(spec=lab.spec("blackhole", self.network.v4(3)))
        request.duration.seconds = 5
        target = request.spec.blackhole.target.SerializeToString() + b"\x98\x06\x01"
        blackhole = b"\x0a" + bytes([len(target)]) + target
        spec = b"\x1a" + bytes([len(blackhole)]) + blackhole
        request.ClearField("spec")
        raw = request.SerializeToString() + b"\x12" + bytes([len(spec)]) + spec
        call = self.daemon.channel.unary_unary("/faultd.v1.FaultService/InjectFault")
        error = self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, call, raw)
        self.assertRegex(error.details(), r"^spec\.blackhole\.target: has a field with number 99, which "
                                          r"faultd\.v1\.NetworkTarget does not have in faultd ")
        self.assert_clean()

    def test_unknown_interface_and_name_are_preconditions(self):
        error = self.assert_refused(grpc.StatusCode.FAILED_PRECONDITION, self.daemon.inject, "blackhole",
                                    to=self.network.v4(3), interfaces=["nope0"])
        self.assertEqual(error.details(), "there is no interface nope0; `ip link` lists them")
        violation = lab.details(error, error_details_pb2.PreconditionFailure).violations[0]
        self.assertEqual((violation.type, violation.subject), ("INTERFACE", "nope0"))
        error = self.assert_refused(grpc.StatusCode.FAILED_PRECONDITION, self.daemon.inject, "blackhole", to="no-such-name.invalid")
        self.assertIn("the name no-such-name.invalid does not resolve", error.details())
        self.assertEqual(list(self.daemon.list()), [])
        self.assert_clean()

    def test_protected_endpoints_are_refused(self):
        error = self.assert_refused(grpc.StatusCode.PERMISSION_DENIED, self.daemon.inject, "blackhole", to="169.254.169.254")
        self.assertEqual(lab.details(error, error_details_pb2.ErrorInfo).metadata["rule"], "protect")

    def test_plan_changes_nothing(self):
        plan = self.daemon.faults.PlanFault(pb.PlanFaultRequest(spec=lab.spec("blackhole", self.network.v4(3))))
        self.assertEqual(plan.summary, f"blackhole to {self.network.v4(3)}, egress of up0")
        self.assertEqual(list(plan.undo.blackhole.interfaces), ["up0"])
        self.assertTrue(plan.changes)
        self.assert_clean()

    def test_watch_sends_what_is_there_and_then_every_change(self):
        fault = self.daemon.inject("noop", id="watched")
        stream = self.daemon.faults.WatchFaults(pb.WatchFaultsRequest(), timeout=lab.DEADLINE)
        self.assertEqual(next(stream).fault.id, "watched")
        self.assertTrue(next(stream).snapshot_done)
        self.daemon.revert(fault.id)
        states = []
        while not states or states[-1] != REVERTED:
            states.append(next(stream).fault.state)
        self.assertEqual(states, sorted(states))
        stream.cancel()

    def test_effects_are_streamed_while_active(self):
        fault = self.daemon.inject("blackhole", to=self.network.v4(3))
        request = pb.WatchFaultsRequest(id=fault.id)
        request.effect_interval.seconds = 1
        stream = self.daemon.faults.WatchFaults(request, timeout=lab.DEADLINE)
        lab.ping(self.network.v4(3), timeout=0.1)
        for event in stream:
            if event.fault.effect.blackhole.packets_dropped == 1:
                break
        stream.cancel()

    def test_pages(self):
        for i in range(5):
            self.daemon.inject("noop", id=f"page-{i}")
        seen, token = [], ""
        while True:
            page = self.daemon.faults.ListFaults(pb.ListFaultsRequest(page_size=2, page_token=token))
            seen += [f.id for f in page.faults]
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(seen, [f"page-{i}" for i in range(5)])
        for bad in ({"page_size": 5000}, {"page_token": "next"}):
            error = self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, self.daemon.faults.ListFaults, pb.ListFaultsRequest(**bad))
            self.assertTrue(error.details().startswith(*bad), error.details())

    def hold(self, requests, **fields):
        request = pb.HoldFaultRequest(inject=pb.InjectFaultRequest(spec=lab.spec("blackhole", self.network.v4(3))), **fields)
        request.inject.duration.seconds = 60
        return self.daemon.faults.HoldFault(requests(request), timeout=lab.DEADLINE)

    def test_hold_ends_with_the_stream(self):
        release = threading.Event()

        def requests(first):
            yield first
            release.wait()

        stream = self.hold(requests)
        fault = next(stream).fault
        self.assertEqual(fault.state, ACTIVE)
        self.assertTrue(fault.lease.held_by.startswith("uid=0"))
        stream.cancel()
        release.set()
        over = self.daemon.wait_for_end(fault.id)
        self.assertEqual(over.state, REVERTED)
        self.assert_clean()

    def test_half_close_ends_a_held_fault_in_order(self):
        release = threading.Event()

        def requests(first):
            yield first
            release.wait()

        stream = self.hold(requests)
        self.assertEqual(next(stream).fault.state, ACTIVE)
        release.set()
        self.assertEqual([f.fault.state for f in stream][-1], REVERTED)
        self.assertEqual(stream.code(), grpc.StatusCode.OK)
        self.assert_clean()

    def test_hold_that_makes_no_sense_ends_and_its_fault_with_it(self):
        for fields, then, wrong in (({"grace": {"seconds": 601}}, None, "grace: 10m1s is out of range"),
                                    ({}, pb.HoldFaultRequest(id="another"), "fault: is set again"),
                                    ({}, pb.HoldFaultRequest(grace={"seconds": -1}), "grace: -1s is out of range")):
            with self.subTest(fields=fields, then=then):
                stream = self.hold(lambda first, then=then: (each for each in (first, then) if each), **fields)
                with self.assertRaises(grpc.RpcError) as raised:
                    list(stream)
                self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
                self.assertTrue(raised.exception.details().startswith(wrong), raised.exception.details())
                wait_for(lambda: not self.daemon.list(), "its fault is over")
        with self.assertRaises(grpc.RpcError) as raised:
            list(self.daemon.faults.HoldFault(iter([pb.HoldFaultRequest()]), timeout=lab.DEADLINE))
        self.assertTrue(raised.exception.details().startswith("fault: is missing"), raised.exception.details())
        self.assert_clean()

    def test_killed_holder_ends_its_fault(self):
        script = ("import sys, time, threading; sys.path.insert(0, %r)\n"
                  "import lab; d = lab.Daemon(%r); c = lab.grpc.insecure_channel('unix:' + d.socket)\n"
                  "def requests():\n"
                  "    r = lab.pb.HoldFaultRequest(inject=lab.pb.InjectFaultRequest(id='held', spec=lab.spec('blackhole', %r)))\n"
                  "    r.inject.duration.seconds = 60\n"
                  "    yield r\n"
                  "    threading.Event().wait()\n"
                  "for answer in lab.fault_grpc.FaultServiceStub(c).HoldFault(requests()): print(answer.fault.state, flush=True)\n"
                  % (os.path.dirname(__file__), self.daemon.directory, self.network.v4(3)))
        holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        self.assertEqual(holder.stdout.readline(), f"{ACTIVE}\n")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
        over = self.daemon.wait_for_end("held")
        self.assertEqual(over.state, REVERTED)
        self.assert_clean()

    def test_grace_lets_another_stream_take_over(self):
        stop = threading.Event()

        def requests(first):
            first.grace.seconds = 30
            yield first
            stop.wait()

        stream = self.hold(requests)
        fault = next(stream).fault
        stream.cancel()
        stop.set()
        wait_for(lambda: self.daemon.get(fault.id).lease.held_by == "", "the first stream is gone")
        self.assertEqual(self.daemon.get(fault.id).state, ACTIVE)
        more = threading.Event()

        def again():
            yield pb.HoldFaultRequest(id=fault.id)
            more.wait()

        second = self.daemon.faults.HoldFault(again(), timeout=lab.DEADLINE)
        self.assertEqual(next(second).fault.id, fault.id)
        second.cancel()
        more.set()
        self.assertEqual(self.daemon.wait_for_end(fault.id).state, REVERTED)

    def test_client_that_goes_away_leaves_no_fault(self):
        for _ in range(30):
            request = pb.InjectFaultRequest(spec=lab.spec("noop"))
            # A cancellation that comes when the answer is on its way finds nothing to cancel.
            request.duration.seconds = 5
            call = self.daemon.faults.InjectFault.future(request)
            call.cancel()
        wait_for(lambda: not [f for f in self.daemon.list()], "abandoned faults are reverted")

    def test_two_daemons_cannot_run_on_one_journal(self):
        fault = self.daemon.inject("blackhole", to=self.network.v4(3))
        once = subprocess.run([f"{lab.BIN}/faultd-guardian", "--once", "--wait", "100", "--state-dir", self.daemon.state],
                              capture_output=True, text=True)
        self.assertEqual(once.returncode, 3)
        self.assertIn("a running faultd holds", once.stderr)
        self.assertEqual(self.daemon.get(fault.id).state, ACTIVE)
        self.assertEqual(lab.ping(self.network.v4(3), timeout=0.2)[0], 0)


if __name__ == "__main__":
    unittest.main()
