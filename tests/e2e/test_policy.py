"""The policy of the host: what it refuses, and when it is in force."""

import os
import shutil
import signal
import subprocess
import unittest

import lab
from lab import error_details_pb2, grpc, pb

POLICY = """
[faults]
kinds = ["blackhole", "noop", "disk_io"]
max_lease = "10m"
[network]
deny = [{ cidr = "192.0.2.128/25" }]
[stress]
paths = ["/var/tmp"]
"""


class PolicyTest(unittest.TestCase):
    def setUp(self):
        lab.run("ip", "link", "set", "lo", "up")
        self.daemon = self.enterContext(lab.Daemon(policy=POLICY))

    def assert_denied(self, rule, call):
        with self.assertRaises(grpc.RpcError) as raised:
            call()
        self.assertEqual(raised.exception.code(), grpc.StatusCode.PERMISSION_DENIED, raised.exception.details())
        self.assertEqual(lab.details(raised.exception, error_details_pb2.ErrorInfo).metadata["rule"], rule)
        self.assertIn(f"(rule {rule}: ", raised.exception.details())

    def reload(self, policy, expected):
        """SIGHUP, until the daemon has said what it made of the file."""
        with open(self.daemon.policy, "w", encoding="utf8") as file:
            file.write(policy)
        said = self.daemon.read_log().count(expected)
        self.daemon.process.send_signal(signal.SIGHUP)
        lab.wait_for(lambda: self.daemon.read_log().count(expected) > said, f"the log says {expected}")

    def test_refusals_name_their_rule(self):
        self.assert_denied("faults.kinds", lambda: self.daemon.inject("cpu", load_percent=5))
        self.assert_denied("faults.max_lease", lambda: self.daemon.inject("noop", lease=601))
        self.assert_denied("network.deny", lambda: self.daemon.inject("blackhole", to=["192.0.2.0/24"], interfaces=["lo"]))
        self.assert_denied("stress.paths", lambda: self.daemon.inject("disk_io", path="/tmp"))
        self.assertEqual(self.daemon.records(), [])
        fault = self.daemon.inject("noop", lease=600)
        self.assert_denied("faults.max_lease", lambda: self.daemon.faults.RenewLease(
            pb.RenewLeaseRequest(id=fault.id, duration={"seconds": 601}), timeout=lab.DEADLINE))

    def test_a_symbolic_link_leads_out_of_the_allowed_paths(self):
        link = f"/var/tmp/faultd-test-{os.getpid()}"
        os.symlink("/tmp", link)
        self.addCleanup(os.unlink, link)
        self.assert_denied("stress.paths", lambda: self.daemon.inject("disk_io", path=link))

    def test_a_kind_whose_capabilities_were_given_up_stays_refused(self):
        daemon = self.daemon
        daemon.stop()
        with open(daemon.policy, "w", encoding="utf8") as file:
            file.write("[faults]\nkinds = [\"noop\"]\n")
        daemon.start()
        self.reload("[faults]\nkinds = [\"noop\", \"cpu\", \"blackhole\"]\n", "faults of kind blackhole stay refused until faultd is restarted")
        self.assert_denied("faults.kinds", lambda: daemon.inject("blackhole", to=["192.0.2.0/24"], interfaces=["lo"]))
        daemon.inject("cpu", load_percent=1, lease=1)
        daemon.stop()
        daemon.start()
        daemon.inject("blackhole", to=["192.0.2.0/24"], interfaces=["lo"])

    def test_a_plan_on_a_host_for_dry_runs(self):
        self.reload("[faults]\ndry_run_only = true\n", "is in force")
        self.assert_denied("faults.dry_run_only", lambda: self.daemon.inject("noop"))
        request = pb.PlanFaultRequest()
        request.spec.noop.SetInParent()
        plan = self.daemon.faults.PlanFault(request, timeout=lab.DEADLINE)
        self.assertEqual(len(plan.warnings), 1)
        self.assertIn("(rule faults.dry_run_only: true)", plan.warnings[0])

    def test_reload(self):
        fault = self.daemon.inject("noop", lease=600)
        self.reload("[faults]\nmax_lease = \"1m\"\n", "is in force")
        self.assert_denied("faults.max_lease", lambda: self.daemon.inject("noop", lease=61))
        self.assertGreater(self.daemon.get(fault.id).lease.remaining.seconds, 500)

    def test_a_bad_file_changes_nothing(self):
        self.reload("[faults]\nmax_lease = 5\n", f"the policy stays as it was: {self.daemon.policy}:2:13: faults.max_lease: expected")
        os.chmod(self.daemon.policy, 0o666)
        self.reload("", f"the policy stays as it was: {self.daemon.policy} must be a regular file of root")
        self.assert_denied("faults.max_lease", lambda: self.daemon.inject("noop", lease=601))
        self.assertTrue(self.daemon.inject("noop", lease=600).id)


class StartTest(unittest.TestCase):
    def setUp(self):
        self.daemon = lab.Daemon()
        self.addCleanup(shutil.rmtree, self.daemon.directory)

    def refusal(self, *arguments):
        done = subprocess.run(
            [f"{lab.BIN}/faultd", "--config", self.daemon.config, "--policy", self.daemon.policy, "--state-dir",
             self.daemon.state, "--runtime-dir", self.daemon.runtime, *arguments],
            capture_output=True, text=True, timeout=lab.DEADLINE, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertFalse(os.path.exists(self.daemon.state))
        return done.stderr

    def test_a_malformed_file(self):
        with open(self.daemon.policy, "w", encoding="utf8") as file:
            file.write("[faults]\nwindows = [\"always\"]\n")
        for arguments in ((), ("--check-config",)):
            self.assertEqual(self.refusal(*arguments),
                             f"{self.daemon.policy}:2:11: faults.windows: \"always\" is not a window such as "
                             "\"Mon-Fri 09:00-16:00 Europe/Paris\"\n")

    def test_a_file_that_is_not_roots(self):
        os.chown(self.daemon.policy, 65534, 0)
        self.assertIn(f"{self.daemon.policy} must be a regular file of root", self.refusal())

    def test_a_symbolic_link(self):
        os.rename(self.daemon.policy, f"{self.daemon.policy}.real")
        os.symlink(f"{self.daemon.policy}.real", self.daemon.policy)
        self.assertIn(f"{self.daemon.policy} must be a regular file of root", self.refusal())

    def test_a_file_that_is_missing(self):
        os.unlink(self.daemon.policy)
        self.assertEqual(self.refusal(), f"open {self.daemon.policy}: No such file or directory\n")


if __name__ == "__main__":
    unittest.main()
