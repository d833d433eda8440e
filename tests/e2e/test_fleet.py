"""faultctl over TCP, on one host and on several, and the example of an orchestrator."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import unittest

import lab
import test_remote
from lab import ACTIVE, REVERTED, fault_pb2, wait_for

ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
ORCHESTRATOR = os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "examples", "orchestrate.py")


class FleetTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lab.run("ip", "link", "set", "lo", "up")
        cls.authority = test_remote.Authority(ADDRESSES)
        cls.directory = cls.authority.directory
        cls.dependency = socket.create_server(("127.0.0.1", 0))
        cls.dependency_address = cls.dependency.getsockname()
        probe = f'[[probe]]\nname = "db"\ntarget = "127.0.0.1:{cls.dependency_address[1]}"\ninterval = "1s"\ntimeout = "1s"\n'
        cls.daemons = {address: lab.Daemon(config=test_remote.config(cls.directory, listen=f"{address}:7443") + probe).start() for address in ADDRESSES}

    @classmethod
    def tearDownClass(cls):
        for daemon in cls.daemons.values():
            daemon.stop()
        cls.dependency.close()
        cls.authority.folder.cleanup()

    def tearDown(self):
        for daemon in self.daemons.values():
            daemon.faults.RevertAll(lab.pb.RevertAllRequest())

    def command(self, *words, client="operator", hosts=ADDRESSES, **tls):
        files = {"ca": f"{self.directory}/ca.pem", "cert": f"{self.directory}/{client}.pem", "key": f"{self.directory}/{client}.key", **tls}
        options = [word for name, value in files.items() for word in (f"--tls-{name}", value)]
        return [f"{lab.BIN}/faultctl", *words, *options, *(word for host in hosts for word in ("--host", host))]

    def run_on_fleet(self, *words, **more):
        """(exit code, lines of stdout, stderr)"""
        done = subprocess.run(self.command(*words, **more), capture_output=True, text=True, timeout=3 * lab.DEADLINE)
        return done.returncode, done.stdout.splitlines(), done.stderr

    def states(self, id):
        """State of the fault on each host that has it."""
        return {address: fault.state for address, daemon in self.daemons.items() for fault in daemon.list(ended=True) if fault.id == id}

    def everywhere(self, state):
        return dict.fromkeys(ADDRESSES, state)

    @contextlib.contextmanager
    def held(self, id, *more):
        """A faultctl that holds the fault `id` on all hosts."""
        words = ("noop", "--for", "60s", "--id", id, "--hold", "--grace", "0s", *more)
        with subprocess.Popen(self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                started = {process.stdout.readline().split(": ")[0] for _ in ADDRESSES}
                self.assertEqual(started, set(ADDRESSES))
                self.assertEqual(self.states(id), self.everywhere(ACTIVE))
                yield process
            finally:
                process.kill()

    def assert_ended_everywhere(self, id, reason):
        for daemon in self.daemons.values():
            fault = daemon.wait_for_end(id)
            self.assertEqual((fault.state, fault.end_reason), (REVERTED, reason))

    def test_every_command_goes_to_every_host(self):
        self.assertEqual(self.run_on_fleet("noop", "--for", "60s", "--dry-run")[0], 0)
        code, lines, errors = self.run_on_fleet("noop", "--for", "60s", "--id", "a")
        self.assertEqual((code, errors), (0, ""))
        for address in ADDRESSES:
            self.assertRegex("\n".join(lines), rf"(?m)^{address}: a active until .* \(1m\): noop$")
        self.assertEqual(self.states("a"), self.everywhere(ACTIVE))
        for words in (("list",), ("get", "a"), ("renew", "a", "--for", "30s"), ("doctor",), ("version",)):
            code, lines, errors = self.run_on_fleet(*words)
            self.assertEqual((code, errors, {line.split(":")[0] for line in lines}), (0, "", set(ADDRESSES)), words)
        code, lines, _ = self.run_on_fleet("revert", "a", "--json")
        self.assertEqual((code, {json.loads(line)["host"] for line in lines}), (0, set(ADDRESSES)))
        self.assertEqual(self.states("a"), self.everywhere(REVERTED))

    def test_hosts_file(self):
        path = os.path.join(self.directory, "hosts")
        with open(path, "w", encoding="utf8") as file:
            file.write("# all\n" + "".join(f"{address}:7443  # one\n" for address in ADDRESSES))
        code, lines, _ = self.run_on_fleet("version", "--hosts-file", path, hosts=())
        self.assertEqual((code, len(lines)), (0, 6))

    def test_all_or_nothing(self):
        other = self.daemons[ADDRESSES[2]].inject("cpu", id="b", load_percent=1)
        code, _, errors = self.run_on_fleet("noop", "--for", "60s", "--id", "b", "--all-or-nothing", "--parallel", "1")
        self.assertEqual(code, 4)
        self.assertIn(f"faultctl: {ADDRESSES[2]}: ", errors)
        # What is there under the same id is somebody else's.
        self.assertEqual(other.state, ACTIVE)
        self.assertEqual(self.states("b"), {ADDRESSES[0]: REVERTED, ADDRESSES[1]: REVERTED, ADDRESSES[2]: ACTIVE})

    def test_one_fails_and_the_others_stay(self):
        self.daemons[ADDRESSES[2]].inject("cpu", id="c", load_percent=1)
        self.assertEqual(self.run_on_fleet("noop", "--for", "60s", "--id", "c")[0], 4)
        self.assertEqual(self.states("c"), self.everywhere(ACTIVE))

    def test_one_host_is_down(self):
        down = self.daemons[ADDRESSES[1]]
        down.stop()
        try:
            code, _, errors = self.run_on_fleet("noop", "--for", "60s", "--id", "d", "--all-or-nothing")
        finally:
            down.start()
        self.assertEqual(code, 3, errors)
        self.assertIn(f"faultctl: {ADDRESSES[1]}: cannot reach faultd at {ADDRESSES[1]}:7443: nobody listens there; "
                      "it takes a running daemon with [tcp] in its faultd.toml\n", errors)
        # A host that had not been begun when the other one failed never had it.
        self.assertLessEqual(set(self.states("d").items()), {(ADDRESSES[0], REVERTED), (ADDRESSES[2], REVERTED)})

    def test_selection(self):
        for number, (selection, count) in enumerate((("COUNT(2)", 2), ("PERCENT(34)", 1), ("PERCENT(67)", 2), ("ALL", 3))):
            code, lines, errors = self.run_on_fleet("noop", "--for", "60s", "--id", f"e-{number}", "--select", selection)
            self.assertEqual((code, len(lines)), (0, count))
            chosen = set(self.states(f"e-{number}"))
            self.assertEqual(len(chosen), count)
            if count < 3:
                self.assertRegex(errors, rf"^faultctl: chose {count} of 3 hosts: ")
                self.assertEqual({address for address in ADDRESSES if address in errors}, chosen)

    def test_killed_holder_ends_all(self):
        with self.held("f") as process:
            process.kill()
            self.assert_ended_everywhere("f", fault_pb2.END_REASON_HOLDER_GONE)

    def test_interrupted_holder_ends_all(self):
        with self.held("g") as process:
            process.send_signal(signal.SIGINT)
            self.assert_ended_everywhere("g", fault_pb2.END_REASON_REQUESTED)
            out, errors = process.communicate(timeout=lab.DEADLINE)
            self.assertEqual((process.returncode, errors), (0, ""))
            self.assertEqual(out.count("g reverted, requested: noop"), 3)

    def test_dead_network_is_noticed_at_both_ends(self):
        with self.held("i") as process:
            self.addCleanup(lab.run, "nft", "delete", "table", "ip", "cut")
            lab.run("nft", "add", "table", "ip", "cut")
            lab.run("nft", "add", "chain", "ip", "cut", "out", "{ type filter hook output priority 0; }")
            lab.run("nft", "add", "rule", "ip", "cut", "out", "tcp", "dport", "7443", "drop")
            lab.run("nft", "add", "rule", "ip", "cut", "out", "tcp", "sport", "7443", "drop")
            # 15 s of silence.
            _, errors = process.communicate(timeout=3 * lab.DEADLINE)
            self.assertEqual((process.returncode, errors.count("ended early: lost the daemon (")), (1, 3), errors)
            self.assert_ended_everywhere("i", fault_pb2.END_REASON_HOLDER_GONE)

    def test_held_all_or_nothing(self):
        with self.held("h", "--all-or-nothing") as process:
            self.daemons[ADDRESSES[1]].revert("h")
            self.assert_ended_everywhere("h", fault_pb2.END_REASON_REQUESTED)
            self.assertEqual(process.wait(lab.DEADLINE), 1)

    def error_of(self, **more):
        code, _, errors = self.run_on_fleet("list", hosts=ADDRESSES[:1], **more)
        return code, errors.removeprefix(f"faultctl: {ADDRESSES[0]}: cannot reach faultd at {ADDRESSES[0]}:7443: ").removeprefix("faultctl: ").strip()

    def test_certificates_that_are_not_good(self):
        self.assertEqual(self.error_of(ca="/nonexistent"), (2, "--tls-ca: open /nonexistent: No such file or directory"))
        self.assertEqual(self.error_of(cert=f"{self.directory}/ca.key"), (2, f"--tls-cert: {self.directory}/ca.key is not a certificate in PEM"))
        self.assertEqual(self.error_of(key=f"{self.directory}/admin.key"),
                         (2, f"--tls-key: {self.directory}/admin.key is not the private key, in PEM, of {self.directory}/operator.pem"))
        other = test_remote.Authority(ADDRESSES)
        self.addCleanup(other.folder.cleanup)
        self.assertEqual(self.error_of(ca=f"{other.directory}/ca.pem"),
                         (3, "its certificate is not of an authority in --tls-ca, or has expired"))
        self.assertEqual(self.error_of(cert=f"{other.directory}/admin.pem", key=f"{other.directory}/admin.key"),
                         (3, "it closed the connection at once, as it does when it refuses the certificate (of an unknown authority, expired, revoked, or not in "
                             "tcp.allow) or has too many connections; its log says which"))
        self.assertEqual(self.error_of(name="elsewhere"),
                         (3, "its certificate is for another name; connect to one of its names, or give one with --tls-name"))
        self.assertEqual(self.error_of(name=ADDRESSES[2])[0], 0)

    def test_refusals_keep_their_exit_code(self):
        code, _, errors = self.run_on_fleet("noop", "--for", "60s", client="observer")
        self.assertEqual(code, 4)
        self.assertEqual(errors.count("that takes the role operator, and it has observer"), 3)

    def test_one_daemon_over_tcp(self):
        environment = {f"FAULTD_TLS_{name}": f"{self.directory}/{file}" for name, file in (("CA", "ca.pem"), ("CERT", "operator.pem"), ("KEY", "operator.key"))}
        done = subprocess.run([f"{lab.BIN}/faultctl", "version", "--address", f"{ADDRESSES[0]}:7443"], env={**os.environ, **environment},
                              capture_output=True, text=True, check=True)
        self.assertRegex(done.stdout, rf"\nfaultd .* at {ADDRESSES[0]}:7443\n$")

    @contextlib.contextmanager
    def orchestrator(self, *more, hosts=ADDRESSES):
        files = [word for name, file in (("ca", "ca.pem"), ("cert", "operator.pem"), ("key", "operator.key")) for word in (f"--{name}", f"{self.directory}/{file}")]
        command = [sys.executable, ORCHESTRATOR, *files, *more, *(f"{host}:7443" for host in hosts)]
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": lab.GENERATED}, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def test_orchestrator_reverts_when_the_probe_fails(self):
        with self.orchestrator("--fault", '{"noop": {}}', "--count", "2", "--stop-if-probe", "db:1") as process:
            lines = iter(process.stdout.readline, "")
            id = next(lines).split()[0]
            while next(lines) != "active everywhere\n":
                pass
            self.assertEqual(list(self.states(id).values()), [ACTIVE] * 2)
            self.dependency.close()
            try:
                rest = list(lines)
                self.assertEqual(process.wait(lab.DEADLINE), 1)
            finally:
                type(self).dependency = socket.create_server(self.dependency_address)
            self.assertRegex("".join(rest), r"(?m)^stopping: probe db failed 1 times in a row on 127\.0\.0\.\d:7443$")
            self.assertEqual(sum("FAULT_STATE_REVERTED, END_REASON_REQUESTED" in line for line in rest), 2)
            self.assertEqual(list(self.states(id).values()), [REVERTED] * 2)

    def test_orchestrator_ends_with_the_lease(self):
        with self.orchestrator("--fault", '{"noop": {}}', "--seconds", "1") as process:
            out, _ = process.communicate(timeout=lab.DEADLINE)
        self.assertEqual((process.returncode, out.count("FAULT_STATE_REVERTED, END_REASON_LEASE_ENDED")), (0, 3), out)

    def test_killed_orchestrator_ends_all(self):
        with self.orchestrator("--fault", '{"noop": {}}') as process:
            id = process.stdout.readline().split()[0]
            while process.stdout.readline() != "active everywhere\n":
                pass
            process.kill()
            self.assert_ended_everywhere(id, fault_pb2.END_REASON_HOLDER_GONE)


if __name__ == "__main__":
    unittest.main()
