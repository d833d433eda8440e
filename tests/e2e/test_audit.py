"""The safety lever, over gRPC and without, over restarts and crashes; and the audit log of all that changes anything."""

import json
import os
import signal
import subprocess
import threading
import unittest

import lab
from faultd.v1 import fault_pb2
from lab import ACTIVE, BIN, DEADLINE, REVERTED, agent_pb, error_details_pb2, grpc, pb, wait_for

LEVER = fault_pb2.END_REASON_SAFETY_LEVER


def faultctl(daemon, *arguments):
    return subprocess.run([f"{BIN}/faultctl", "--address", f"unix:{daemon.socket}", *arguments], capture_output=True, text=True,
                          timeout=DEADLINE)


def entries(daemon, method=None):
    """Lines of the audit log that are written by now."""
    try:
        with open(daemon.audit_log, encoding="ascii") as file:
            lines = [json.loads(line) for line in file if line.endswith("\n")]
    except FileNotFoundError:
        return []
    return [line for line in lines if method in (None, line["method"])]


def wait_for_entries(daemon, method, count):
    wait_for(lambda: len(entries(daemon, method)) >= count, f"{count} lines about {method}")
    return entries(daemon, method)


class LeverTest(unittest.TestCase):
    def setUp(self):
        self.daemon = lab.Daemon().start()
        self.addCleanup(self.daemon.stop)

    def refusal(self, call, *arguments, **more):
        with self.assertRaises(grpc.RpcError) as raised:
            call(*arguments, **more)
        return raised.exception

    def assert_refused(self, reason):
        error = self.refusal(self.daemon.inject, "noop")
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn(reason, error.details())
        self.assertIn("faultctl lever release", error.details())
        violation = lab.details(error, error_details_pb2.PreconditionFailure).violations[0]
        self.assertEqual(violation.type, "LEVER")

    def test_reverts_all_and_refuses_until_it_is_released(self):
        self.daemon.inject("noop", id="a")
        lever = self.daemon.set_lever(True, "db on fire")
        self.assertTrue(lever.engaged)
        self.assertEqual(lever.reason, "db on fire")
        self.assertIn("uid=0", lever.actor)
        self.assertTrue(lever.HasField("engage_time"))
        self.assertEqual(lever.not_durable, "")
        fault = self.daemon.get("a")
        self.assertEqual((fault.state, fault.end_reason), (REVERTED, LEVER))
        self.assertIn("db on fire", fault.end_detail)
        self.assertEqual(self.daemon.agent().safety_lever, lever)
        self.assert_refused("db on fire")
        plan = self.daemon.faults.PlanFault(pb.PlanFaultRequest(spec=lab.spec("noop")), timeout=DEADLINE)
        self.assertTrue(plan.summary)
        hold = pb.HoldFaultRequest(inject=pb.InjectFaultRequest(spec=lab.spec("noop")))
        hold.inject.duration.FromSeconds(60)
        error = self.refusal(lambda: list(self.daemon.faults.HoldFault(iter([hold]), timeout=DEADLINE)))
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertFalse(self.daemon.set_lever(False).engaged)
        self.assertEqual(self.daemon.inject("noop").state, ACTIVE)

    def test_survives_a_restart_and_a_kill_right_after_the_answer(self):
        self.daemon.set_lever(True, "db on fire")
        self.daemon.kill()
        self.daemon.start()
        self.assert_refused("db on fire")
        self.daemon.stop()
        self.daemon.start()
        self.assert_refused("db on fire")
        self.daemon.set_lever(False)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(self.daemon.inject("noop").state, ACTIVE)

    def test_a_file_that_cannot_be_read_counts_as_engaged(self):
        self.daemon.stop()
        with open(os.path.join(self.daemon.state, "safety-lever.json"), "w", encoding="ascii") as file:
            file.write("{")
        self.daemon.start()
        self.assert_refused("safety-lever.json is there, but cannot be read")
        self.daemon.set_lever(False)
        self.assertEqual(self.daemon.inject("noop").state, ACTIVE)

    def test_a_link_in_its_place_is_not_followed(self):
        self.daemon.stop()
        target = os.path.join(self.daemon.directory, "elsewhere")
        link = os.path.join(self.daemon.state, "safety-lever.json")
        with open(target, "w", encoding="ascii") as file:
            file.write("mine")
        os.symlink(target, link)
        self.daemon.start()
        self.assert_refused("cannot be read")
        self.daemon.set_lever(False)
        self.daemon.set_lever(True, "db on fire")
        self.assertFalse(os.path.islink(link))
        with open(target, encoding="ascii") as file:
            self.assertEqual(file.read(), "mine")

    def test_the_signal_engages_it_and_ends_nothing_else(self):
        self.daemon.inject("cpu", id="a", load_percent=1)
        guardians = self.daemon.guardians()
        # As `systemctl kill` does: every process of the unit.
        for pid in [*guardians, *self.daemon.stress_processes(), self.daemon.process.pid]:
            os.kill(int(pid), signal.SIGUSR1)
        fault = self.daemon.wait_for_end("a")
        self.assertEqual((fault.state, fault.end_reason), (REVERTED, LEVER))
        self.assertIn("SIGUSR1", fault.end_detail)
        self.assert_refused("SIGUSR1")
        self.assertEqual(self.daemon.guardians(), guardians)
        line = wait_for_entries(self.daemon, "SetSafetyLever", 1)[0]
        self.assertEqual((line["actor"], line["request"]["reason"]), ("faultd", "SIGUSR1"))

    def test_the_file_refuses_and_says_so(self):
        self.daemon.stop()
        halt = os.path.join(self.daemon.directory, "HALT")
        with open(self.daemon.config, "a", encoding="utf8") as file:
            file.write(f'[guards]\nfiles = ["{halt}"]\n')
        with open(halt, "w", encoding="ascii"):
            pass
        self.daemon.start()
        error = self.refusal(self.daemon.inject, "noop")
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn(halt, error.details())

    def test_bad_requests(self):
        for engaged, reason, expected in [
                (True, "", "reason: is missing; say in 1 to 256 printable bytes why nothing may be injected"),
                (True, "a\nb", "reason: is too long or not printable; say in 1 to 256 printable bytes why nothing may be injected"),
                (False, "x", "reason: is for engaging the lever; leave it out to release it")]:
            error = self.refusal(self.daemon.set_lever, engaged, reason)
            self.assertEqual((error.code(), error.details()), (grpc.StatusCode.INVALID_ARGUMENT, expected))

    def test_faultctl(self):
        self.assertEqual(faultctl(self.daemon, "lever").stdout, "the safety lever is released\n")
        done = faultctl(self.daemon, "lever", "engage", "--reason", "db on fire")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^the safety lever is engaged since .* UTC by uid=0.*: db on fire\n$")
        self.assertIn("SAFETY LEVER ENGAGED", faultctl(self.daemon, "doctor").stdout)
        self.assertEqual(faultctl(self.daemon, "doctor", "--strict").returncode, 1)
        refused = faultctl(self.daemon, "noop", "--for", "1m")
        self.assertEqual(refused.returncode, 4)
        self.assertIn("db on fire", refused.stderr)
        self.assertEqual(faultctl(self.daemon, "lever", "release").stdout, "the safety lever is released\n")
        self.assertEqual(faultctl(self.daemon, "lever", "engage").returncode, 2)


class AuditTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = lab.Daemon().start()
        cls.addClassCleanup(cls.daemon.stop)

    def verify(self):
        return faultctl(self.daemon, "audit", "--verify", "--file", self.daemon.audit_log)

    def about(self, fault, method):
        def lines():
            return [line for line in entries(self.daemon, method) if line["fault"] == fault]
        wait_for(lines, f"{method} of {fault} in the audit log")
        return lines()[-1]

    def test_who_what_and_the_outcome(self):
        fault = self.daemon.inject("noop").id
        line = self.about(fault, "InjectFault")
        self.assertIn("uid=0(", line["actor"])
        self.assertEqual((line["principal"], line["role"], line["decision"], line["rule"]), ("user:0", "admin", "allowed", "role operator"))
        self.assertEqual(line["request"], {"spec": {"noop": {}}, "duration": "60s"})
        self.assertEqual(line["result"], {"code": "OK", "message": ""})
        self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        renewal = pb.RenewLeaseRequest(id=fault)
        renewal.duration.FromSeconds(90)
        self.daemon.faults.RenewLease(renewal, timeout=DEADLINE)
        self.about(fault, "RenewLease")
        self.daemon.revert(fault)
        self.about(fault, "RevertFault")
        self.assertEqual([line["method"] for line in entries(self.daemon) if line["fault"] == fault], ["InjectFault", "RenewLease", "RevertFault"])
        before = len(entries(self.daemon, "RevertAll"))
        self.daemon.faults.RevertAll(pb.RevertAllRequest(), timeout=DEADLINE)
        wait_for_entries(self.daemon, "RevertAll", before + 1)

    def test_refusals(self):
        with self.assertRaises(grpc.RpcError):
            self.daemon.revert("nothing")
        line = self.about("nothing", "RevertFault")
        self.assertEqual(line["result"]["code"], "NOT_FOUND")
        self.daemon.set_lever(True, "db on fire")
        self.addCleanup(self.daemon.set_lever, False)
        with self.assertRaises(grpc.RpcError):
            self.daemon.inject("noop", id="refused")
        line = self.about("refused", "InjectFault")
        self.assertEqual((line["decision"], line["rule"], line["result"]["code"]), ("denied", "safety lever", "FAILED_PRECONDITION"))
        # No deadline.
        with grpc.insecure_channel(f"unix:{self.daemon.socket}") as channel, self.assertRaises(grpc.RpcError):
            channel.unary_unary("/faultd.v1.FaultService/RevertFault")(pb.RevertFaultRequest(id="timeless").SerializeToString())
        self.assertEqual(self.about("timeless", "RevertFault")["result"]["code"], "INVALID_ARGUMENT")

    def test_holds_begin_and_end(self):
        request = pb.HoldFaultRequest(inject=pb.InjectFaultRequest(id="held", spec=lab.spec("noop")))
        request.inject.duration.FromSeconds(60)
        active = threading.Event()

        def requests():
            yield request
            active.wait(DEADLINE)

        for _ in self.daemon.faults.HoldFault(requests(), timeout=DEADLINE):
            active.set()  # which closes this side, and ends the fault
        self.assertEqual(self.about("held", "HoldFault")["request"]["inject"]["id"], "held")
        self.assertEqual(self.about("held", "HoldFault.end")["result"]["code"], "OK")

    def test_what_the_daemon_does_by_itself(self):
        self.daemon.inject("noop", id="short", lease=1)
        line = self.about("short", "EndFault")
        self.assertEqual((line["actor"], line["request"]), ("faultd", {"end_reason": "END_REASON_LEASE_ENDED"}))

    def test_a_large_request_is_told_by_its_hash(self):
        request = pb.InjectFaultRequest(id="large", spec=lab.spec("noop"), labels={f"k{i}": "x" * 300 for i in range(100)})
        with self.assertRaises(grpc.RpcError):
            self.daemon.faults.InjectFault(request, timeout=DEADLINE)
        line = self.about("large", "InjectFault")
        self.assertEqual(line["request"]["bytes"], request.ByteSize())

    def test_reading_changes_nothing(self):
        self.daemon.agent()
        self.daemon.list()
        self.assertEqual([line for line in entries(self.daemon) if line["method"] in ("GetAgent", "ListFaults")], [])

    def test_verify_while_it_is_written_and_after_a_crash(self):
        self.daemon.inject("noop", id="crashed")
        self.about("crashed", "InjectFault")
        self.daemon.kill()
        with open(self.daemon.audit_log, "a", encoding="ascii") as file:
            file.write('{"seq":')
        self.daemon.start()
        self.daemon.set_lever(False)
        torn = wait_for_entries(self.daemon, "AuditLog", 1)[0]
        self.assertIn("torn by a crash", torn["result"]["message"])
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"^the audit log is as it was written: \d+ lines in 1 files, numbers 1 to \d+\n$")
        shown = faultctl(self.daemon, "audit", "--file", self.daemon.audit_log).stdout
        self.assertRegex(shown, r"(?m)^\S+Z allowed InjectFault of crashed by uid=0\(root\).* \(role operator\): OK$")


class TamperTest(unittest.TestCase):
    def test_edited_removed_and_reordered_lines(self):
        with lab.Daemon() as daemon:
            for i in range(6):
                daemon.inject("noop", id=f"f{i}")
            wait_for_entries(daemon, "InjectFault", 6)
            with open(daemon.audit_log, encoding="ascii") as file:
                lines = file.readlines()
            changed = {
                "audit.jsonl:3: was changed after it was written": [*lines[:2], lines[2].replace("f2", "f9"), *lines[3:]],
                "audit.jsonl:3: line 3 is missing before it": [*lines[:2], *lines[3:]],
                "audit.jsonl:4: is line 3, but comes after line 4": [*lines[:2], lines[3], lines[2], *lines[4:]],
                "audit.jsonl: line 6 is missing at its end": lines[:5],
            }
            for problem, content in changed.items():
                with open(daemon.audit_log, "w", encoding="ascii") as file:
                    file.writelines(content)
                done = faultctl(daemon, "audit", "--verify", "--file", daemon.audit_log)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(problem, done.stdout.splitlines())


if __name__ == "__main__":
    unittest.main()
