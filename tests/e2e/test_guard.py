"""Guards: what ends a fault before its lease does, and what keeps it from beginning."""

import os
import subprocess
import unittest

import aws_lab
import lab
from faultd.v1 import fault_pb2, guard_pb2
from lab import ACTIVE, DEADLINE, REVERTED, error_details_pb2, grpc, pb

GUARD = fault_pb2.END_REASON_GUARD


def request(*guards, lease=60, id=""):
    made = pb.InjectFaultRequest(id=id, spec=lab.spec("noop"), guards=guards)
    made.duration.FromNanoseconds(int(lease * 1e9))
    return made


def file_guard(path):
    return guard_pb2.Guard(file=guard_pb2.FileGuard(path=path))


def alarm_guard(name):
    return guard_pb2.Guard(alarm=guard_pb2.AlarmGuard(alarm=name))


class GuardTest(aws_lab.AwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon = lab.Daemon()
        cls.daemon.environment = cls.aws.environment
        cls.everyones = os.path.join(cls.daemon.directory, "HALT")
        with open(cls.daemon.config, "w", encoding="utf8") as file:
            file.write(f'[guards]\nfiles = ["{cls.everyones}"]\n')
        cls.daemon.start()
        cls.addClassCleanup(cls.daemon.stop)

    def setUp(self):
        super().setUp()
        self.daemon.faults.RevertAll(pb.RevertAllRequest(), timeout=DEADLINE)
        self.aws.set(alarms={"checkout": {}, "all": {"composite": True}})
        self.file = os.path.join(self.daemon.directory, self.id())

    def touch(self, path):
        with open(path, "w", encoding="ascii"):
            pass
        self.addCleanup(os.unlink, path)

    def inject(self, *guards, **more):
        return self.daemon.faults.InjectFault(request(*guards, **more), timeout=DEADLINE).fault

    def refusal(self, code, *guards):
        with self.assertRaises(grpc.RpcError) as raised:
            self.inject(*guards)
        self.assertEqual(raised.exception.code(), code, raised.exception.details())
        self.assertEqual(list(self.daemon.list()), [])
        return raised.exception

    def test_a_file_ends_a_fault(self):
        fault = self.inject(file_guard(self.file))
        self.assertEqual(fault.state, ACTIVE)
        self.assertEqual(fault.guards[0].file.path, self.file)
        self.touch(self.file)
        over = self.daemon.wait_for_end(fault.id)
        self.assertEqual((over.state, over.end_reason), (REVERTED, GUARD))
        self.assertEqual(over.end_detail, f"file {self.file} appeared")
        self.assertEqual(self.daemon.records(), [])

    def test_a_file_ends_only_the_faults_that_it_guards(self):
        guarded, other = self.inject(file_guard(self.file)), self.inject()
        self.touch(self.file)
        self.daemon.wait_for_end(guarded.id)
        self.assertEqual(self.daemon.get(other.id).state, ACTIVE)

    def test_the_file_of_the_configuration_ends_all_faults_and_prevents_new_ones(self):
        faults = [self.inject(), self.inject(file_guard(self.file))]
        self.touch(self.everyones)
        for fault in faults:
            self.assertEqual(self.daemon.wait_for_end(fault.id).end_detail, f"file {self.everyones} appeared")
        self.assertIn(f"file {self.everyones} is there", self.refusal(grpc.StatusCode.FAILED_PRECONDITION).details())

    def test_a_guard_that_has_tripped_already_refuses_the_fault(self):
        impossible = guard_pb2.Guard(memory=guard_pb2.MemoryGuard(below_bytes=1 << 60))
        self.assertIn("guards[0] has tripped already: memory: ", self.refusal(grpc.StatusCode.FAILED_PRECONDITION, impossible).details())

    def test_a_malformed_guard_is_named(self):
        refused = self.refusal(grpc.StatusCode.INVALID_ARGUMENT, file_guard(self.file), file_guard("HALT"))
        violations = lab.details(refused, error_details_pb2.BadRequest).field_violations
        self.assertEqual([each.field for each in violations], ["guards[1].file.path"])

    def test_an_alarm_is_asked_for_before_the_fault_begins(self):
        self.assertEqual(self.inject(alarm_guard("checkout"), alarm_guard("all")).state, ACTIVE)
        self.daemon.faults.RevertAll(pb.RevertAllRequest(), timeout=DEADLINE)
        self.aws.set(alarms={"checkout": {"state": "ALARM", "reason": "5 errors > 3"}})
        self.assertIn("alarm checkout is in ALARM: 5 errors > 3",
                      self.refusal(grpc.StatusCode.FAILED_PRECONDITION, alarm_guard("checkout")).details())
        refused = self.refusal(grpc.StatusCode.INVALID_ARGUMENT, alarm_guard("all"))
        self.assertEqual(lab.details(refused, error_details_pb2.BadRequest).field_violations[0].field, "guards[0].alarm.alarm")
        self.aws.set(denied=["cloudwatch:DescribeAlarms"])
        self.assertIn('"Action": "cloudwatch:DescribeAlarms"',
                      self.refusal(grpc.StatusCode.FAILED_PRECONDITION, alarm_guard("checkout")).details())

    def test_an_alarm_ends_a_fault(self):
        fault = self.inject(alarm_guard("checkout"), lease=300)
        self.aws.set(alarms={"checkout": {"state": "ALARM", "reason": "5 errors > 3"}})
        # The next question comes after 30 s to 40 s.
        for event in self.daemon.faults.WatchFaults(pb.WatchFaultsRequest(id=fault.id), timeout=40 + DEADLINE):
            last = event.fault if event.WhichOneof("event") == "fault" else last
        self.assertEqual((last.state, last.end_reason), (REVERTED, GUARD))
        self.assertEqual(last.end_detail, "alarm checkout is in ALARM: 5 errors > 3")

    def test_faultctl_ends_with_the_guard(self):
        with subprocess.Popen([f"{lab.BIN}/faultctl", "--address", f"unix:{self.daemon.socket}", "noop", "--hold", "--for", "60s", "--id", "held",
                               "--stop-if", f"file:{self.file}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as faultctl:
            self.assertIn("held active until", faultctl.stdout.readline())
            self.touch(self.file)
            _, errors = faultctl.communicate(timeout=DEADLINE)
        self.assertEqual(faultctl.returncode, 1)
        self.assertEqual(errors, f"faultctl: ended early: held reverted, ended by a guard (file {self.file} appeared): noop\n")

    def test_faultctl_names_the_option(self):
        done = subprocess.run([f"{lab.BIN}/faultctl", "--address", f"unix:{self.daemon.socket}", "noop", "--for", "60s",
                               "--stop-if", f"file:{self.file}", "--stop-if", "probe:nothere"], capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, 'faultctl: --stop-if number 2: "nothere" is no probe of this host; it has none: add a [[probe]] to its '
                                      "configuration\n")


if __name__ == "__main__":
    unittest.main()
