"""Clients on other hosts: who gets in over TCP, and who may do what, over both transports."""

import os
import queue
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

import lab
from lab import agent_pb, grpc, pb, probe_service_pb, wait_for

CERTS = os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "certs")
PORT = 7443
CLIENTS = {
    "admin": "uri:spiffe://example.org/admin/me",
    "operator": "uri:spiffe://example.org/ci/1",
    "colleague": "uri:spiffe://example.org/ci/2",
    "observer": "dns:dashboard.example.org",
    "nobody": "uri:spiffe://example.org/other",
    "lost": "uri:spiffe://example.org/ci/3",
}
# Unprivileged users of this machine; only the numbers count.
USERS = {"admin": 0, "operator": 60001, "colleague": 60002, "observer": 60003, "nobody": 60004}


def certs(directory, *arguments):
    done = subprocess.run([CERTS, directory, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def config(directory, **more):
    keys = {"listen": f"127.0.0.1:{PORT}", "certificate": f"{directory}/server.pem", "key": f"{directory}/server.key",
            "client_ca": f"{directory}/ca.pem", "crl": f"{directory}/crl.pem", **more}
    tcp = "\n".join(f'{key} = "{value}"' for key, value in keys.items())
    return f"""[tcp]
{tcp}
[access]
admins = ["user:root", "{CLIENTS["admin"]}"]
operators = ["user:60001", "user:60002", "uri:spiffe://example.org/ci/*"]
observers = ["user:60003", "dns:*.example.org"]
"""


class Authority:
    """Certificates of the lab's own authority, in a directory of their own."""

    def __init__(self, servers=("localhost", "127.0.0.1")):
        self.folder = tempfile.TemporaryDirectory(prefix="faultd-test-")
        self.directory = self.folder.name
        certs(self.directory, "ca")
        certs(self.directory, "server", *servers)
        for name, names in CLIENTS.items():
            certs(self.directory, "client", name, names)

    def read(self, name):
        with open(os.path.join(self.directory, name), "rb") as file:
            return file.read()

    def credentials(self, client):
        """gRPC's, of a client; with None it has no certificate."""
        pair = (self.read(f"{client}.key"), self.read(f"{client}.pem")) if client else (None, None)
        return grpc.ssl_channel_credentials(self.read("ca.pem"), *pair)

    def connect(self, client):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 100)]
        return lab.Stubs(grpc.secure_channel(f"localhost:{PORT}", self.credentials(client), options=options))


def get_agent(stubs):
    return stubs.agents.GetAgent(agent_pb.GetAgentRequest()).agent


class TransportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lab.run("ip", "link", "set", "lo", "up")
        cls.authority = Authority()
        certs(cls.authority.directory, "--days", "0", "client", "expired", CLIENTS["operator"])
        certs(cls.authority.directory, "revoke", "lost")
        cls.daemon = lab.Daemon(config=config(cls.authority.directory)).start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()
        cls.authority.folder.cleanup()

    def assert_kept_out(self, stubs):
        with self.assertRaises(grpc.RpcError) as raised:
            get_agent(stubs)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE, raised.exception.details())

    def test_certificate_lets_in(self):
        self.assertEqual(get_agent(self.authority.connect("operator")).version, self.daemon.agent().version)

    def test_no_certificate(self):
        self.assert_kept_out(self.authority.connect(None))

    def test_expired_certificate(self):
        self.assert_kept_out(self.authority.connect("expired"))

    def test_revoked_certificate(self):
        self.assert_kept_out(self.authority.connect("lost"))

    def test_certificate_beside_a_list_of_who_may_connect(self):
        strict = config(self.authority.directory, listen="127.0.0.2:7443").replace("[access]", 'allow = ["uri:spiffe://example.org/ci/*"]\n[access]')
        with lab.Daemon(config=strict):
            for client, code in (("operator", None), ("admin", grpc.StatusCode.UNAVAILABLE)):
                options = [("grpc.ssl_target_name_override", "localhost")]
                stubs = lab.Stubs(grpc.secure_channel("127.0.0.2:7443", self.authority.credentials(client), options=options))
                try:
                    get_agent(stubs)
                    self.assertIsNone(code)
                except grpc.RpcError as error:
                    self.assertEqual(error.code(), code)

    def test_certificate_of_another_authority(self):
        other = Authority()
        self.addCleanup(other.folder.cleanup)
        credentials = grpc.ssl_channel_credentials(self.authority.read("ca.pem"), other.read("admin.key"), other.read("admin.pem"))
        self.assert_kept_out(lab.Stubs(grpc.secure_channel(f"localhost:{PORT}", credentials)))

    def test_nobody_gets_in_without_the_revocation_list(self):
        crl = os.path.join(self.authority.directory, "crl.pem")
        os.rename(crl, crl + ".moved")
        self.addCleanup(os.rename, crl + ".moved", crl)
        self.assert_kept_out(self.authority.connect("operator"))

    def test_files_that_are_wrong_are_named_at_the_start(self):
        directory = self.authority.directory
        shared, empty = f"{directory}/shared.key", f"{directory}/empty.pem"
        shutil.copyfile(f"{directory}/server.key", shared)
        os.chmod(shared, 0o640)
        open(empty, "w", encoding="ascii").close()
        for key, path, wrong in (("key", shared, "can be read or written by others than its owner; chmod 600 it"),
                                 ("key", f"{directory}/operator.key", f"is not the private key of {directory}/server.pem"),
                                 ("certificate", empty, "is not a certificate in PEM"),
                                 ("client_ca", empty, "has no certificate in PEM"),
                                 ("crl", empty, "has no certificate revocation list in PEM"),
                                 ("crl", f"{directory}/nowhere.pem", "has no certificate revocation list in PEM")):
            with self.subTest(key=key, path=path):
                daemon = lab.Daemon(config=config(directory, listen="127.0.0.3:7443", **{key: path}))
                self.addCleanup(shutil.rmtree, daemon.directory)
                self.assertIn(f"tcp.{key}: {path} {wrong}", daemon.refusal())

    def test_no_tls_at_all(self):
        self.assert_kept_out(lab.Stubs(grpc.insecure_channel(f"127.0.0.1:{PORT}")))

    def handshake(self, version):
        """Raw, with the operator's certificate and a byte behind it, because TLS 1.3 refuses clients only then."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(f"{self.authority.directory}/ca.pem")
        context.load_cert_chain(f"{self.authority.directory}/operator.pem", f"{self.authority.directory}/operator.key")
        context.set_alpn_protocols(["h2"])
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", PORT), lab.DEADLINE) as raw, context.wrap_socket(raw, server_hostname="localhost") as tls:
            tls.recv(1)
            return tls.version()

    def test_tls_1_3_only(self):
        self.assertEqual(self.handshake(ssl.TLSVersion.TLSv1_3), "TLSv1.3")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.handshake(ssl.TLSVersion.TLSv1_2)

    def test_rotation_keeps_calls_and_faults(self):
        operator = self.authority.connect("operator")
        outgoing = queue.Queue()
        hold = pb.HoldFaultRequest(inject=pb.InjectFaultRequest(id="held", spec=lab.spec("noop", ())))
        hold.inject.duration.FromSeconds(60)
        outgoing.put(hold)
        stream = operator.faults.HoldFault(iter(outgoing.get, None))
        self.assertEqual(next(stream).fault.state, lab.ACTIVE)

        new = Authority()
        self.addCleanup(new.folder.cleanup)
        for name in ("ca.pem", "crl.pem", "server.key", "server.pem"):
            os.replace(f"{new.directory}/{name}", f"{self.authority.directory}/{name}")

        def new_one_gets_in():
            credentials = grpc.ssl_channel_credentials(self.authority.read("ca.pem"), new.read("operator.key"), new.read("operator.pem"))
            with grpc.secure_channel(f"localhost:{PORT}", credentials, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
                try:
                    return get_agent(lab.Stubs(channel)).version
                except grpc.RpcError:
                    return None
        wait_for(new_one_gets_in, "the new certificate is in use")
        self.assertEqual(operator.faults.GetFault(pb.GetFaultRequest(id="held")).fault.state, lab.ACTIVE)
        outgoing.put(None)
        self.assertEqual([each.fault.state for each in stream][-1], lab.REVERTED)
        # The authority of the tests that follow.
        type(self).tearDownClass()
        type(self).setUpClass()


class RoleTest(unittest.TestCase):
    """Every RPC, every role, both transports."""

    @classmethod
    def setUpClass(cls):
        lab.run("ip", "link", "set", "lo", "up")
        cls.authority = Authority()
        cls.daemon = lab.Daemon(config=config(cls.authority.directory)).start()
        # So that everybody gets as far as the role.
        os.chmod(cls.daemon.directory, 0o755)
        os.chmod(cls.daemon.socket, 0o666)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()
        cls.authority.folder.cleanup()

    # What each RPC answers to these roles.
    READ = {"admin": "OK", "operator": "OK", "colleague": "OK", "observer": "OK", "nobody": "PERMISSION_DENIED"}
    INJECT = {**READ, "observer": "PERMISSION_DENIED"}
    CHANGE = {**INJECT, "colleague": "PERMISSION_DENIED"}  # of a fault of the operator
    ANYBODY = dict.fromkeys(READ, "OK")
    ADMIN = {**dict.fromkeys(READ, "PERMISSION_DENIED"), "admin": "OK"}
    EXPECTED = {
        "AgentService/GetAgent": READ, "AgentService/SetSafetyLever": ADMIN, "FaultService/InjectFault": INJECT, "FaultService/PlanFault": READ, "FaultService/GetFault": READ,
        "FaultService/ListFaults": READ, "FaultService/RenewLease": CHANGE, "FaultService/RevertFault": ANYBODY,
        "FaultService/RevertAll": ANYBODY, "FaultService/WatchFaults": READ, "FaultService/HoldFault": INJECT,
        "FaultService/HoldFault by id": CHANGE, "ProbeService/ListProbes": READ, "ProbeService/WatchProbes": READ,
    }

    def calls(self, stubs, id):
        """A call of each method; `id` is that of a fault of the operator."""
        lease = pb.InjectFaultRequest(spec=lab.spec("noop", ()))
        lease.duration.FromSeconds(60)
        renewal = pb.RenewLeaseRequest(id=id)
        renewal.duration.FromSeconds(60)

        def hold(request):
            answered = threading.Event()

            def requests():
                yield request
                answered.wait(lab.DEADLINE)
            call = stubs.faults.HoldFault(requests(), timeout=lab.DEADLINE)
            try:
                next(call)
            finally:
                answered.set()
                call.cancel()

        def watch(method, request):
            call = method(request, timeout=lab.DEADLINE)
            next(call)
            call.cancel()

        return {
            "AgentService/GetAgent": lambda: get_agent(stubs),
            # Engaging it is for everybody: test_anybody_may_engage_the_lever.
            "AgentService/SetSafetyLever": lambda: stubs.agents.SetSafetyLever(agent_pb.SetSafetyLeverRequest()),
            "FaultService/InjectFault": lambda: stubs.faults.InjectFault(lease),
            "FaultService/PlanFault": lambda: stubs.faults.PlanFault(pb.PlanFaultRequest(spec=lease.spec)),
            "FaultService/GetFault": lambda: stubs.faults.GetFault(pb.GetFaultRequest(id=id)),
            "FaultService/ListFaults": lambda: stubs.faults.ListFaults(pb.ListFaultsRequest()),
            "FaultService/RenewLease": lambda: stubs.faults.RenewLease(renewal),
            "FaultService/WatchFaults": lambda: watch(stubs.faults.WatchFaults, pb.WatchFaultsRequest(id=id)),
            "FaultService/HoldFault": lambda: hold(pb.HoldFaultRequest(inject=lease)),
            "FaultService/HoldFault by id": lambda: hold(pb.HoldFaultRequest(id=id)),
            "ProbeService/ListProbes": lambda: stubs.probes.ListProbes(probe_service_pb.ListProbesRequest()),
            "ProbeService/WatchProbes": lambda: watch(stubs.probes.WatchProbes, probe_service_pb.WatchProbesRequest()),
            "FaultService/RevertFault": lambda: stubs.faults.RevertFault(pb.RevertFaultRequest(id=id)),
            "FaultService/RevertAll": lambda: stubs.faults.RevertAll(pb.RevertAllRequest()),
        }

    @staticmethod
    def outcome(call):
        try:
            call()
            return "OK"
        except grpc.RpcError as error:
            return error.code().name

    def assert_outcomes(self, transport, connect, daemon, expected):
        operator = connect("operator")
        for role in USERS:
            stubs = connect(role)
            for number, method in enumerate(self.EXPECTED):
                fault = pb.InjectFaultRequest(id=f"{transport}-{role}-{number}", spec=lab.spec("noop", ()))
                fault.duration.FromSeconds(60)
                operator.faults.InjectFault(fault)
                call = self.calls(stubs, fault.id)[method]
                with self.subTest(transport=transport, role=role, method=method):
                    self.assertEqual(self.outcome(call), expected[method][role])
        daemon.faults.RevertAll(pb.RevertAllRequest())

    def over_unix(self, daemon, role):
        """A connection of this user, which root becomes for as long as it takes to connect."""
        channel = grpc.insecure_channel(f"unix:{daemon.socket}", options=[("grpc.use_local_subchannel_pool", 1)])
        groups = os.getgroups()
        os.setgroups([])
        os.setegid(USERS[role])
        os.seteuid(USERS[role])
        try:
            grpc.channel_ready_future(channel).result(lab.DEADLINE)
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
        return lab.Stubs(channel)

    def test_over_tcp(self):
        self.assert_outcomes("tcp", self.authority.connect, self.daemon, self.EXPECTED)

    def test_over_unix_socket(self):
        self.assert_outcomes("unix", lambda role: self.over_unix(self.daemon, role), self.daemon, self.EXPECTED)

    def test_reverting_can_be_for_owners_only(self):
        strict = config(self.authority.directory).replace("listen = \"127.0.0.1:7443\"", "listen = \"127.0.0.2:0\"")
        with lab.Daemon(config=strict + "anyone_may_revert = false\n") as daemon:
            os.chmod(daemon.directory, 0o755)
            os.chmod(daemon.socket, 0o666)
            admins = {**dict.fromkeys(USERS, "PERMISSION_DENIED"), "admin": "OK"}
            expected = {**self.EXPECTED, "FaultService/RevertFault": self.CHANGE, "FaultService/RevertAll": admins}
            self.assert_outcomes("strict", lambda role: self.over_unix(daemon, role), daemon, expected)
            outcome = self.outcome(lambda: self.engage(self.over_unix(daemon, "operator")))
            self.assertEqual(outcome, "PERMISSION_DENIED")

    @staticmethod
    def engage(stubs):
        return stubs.agents.SetSafetyLever(agent_pb.SetSafetyLeverRequest(engaged=True, reason="test")).safety_lever

    def test_anybody_may_engage_the_lever(self):
        for role in USERS:
            lever = self.engage(self.authority.connect(role))
            self.assertTrue(lever.engaged)
            self.assertIn(CLIENTS[role], lever.actor)
            self.authority.connect("admin").agents.SetSafetyLever(agent_pb.SetSafetyLeverRequest())

    def test_refusal_says_who_and_which_role(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.authority.connect("observer").faults.RenewLease(pb.RenewLeaseRequest(id="x"))
        self.assertRegex(raised.exception.details(),
                         r"^dns:dashboard.example.org from ipv4:127.0.0.1:\d+ may not send faultd.v1.RenewLeaseRequest: that takes the role operator, "
                         r"and it has observer; roles are given in \[access\] of faultd.toml$")

    def test_unary_calls_need_a_deadline(self):
        with grpc.insecure_channel(f"unix:{self.daemon.socket}") as channel, self.assertRaises(grpc.RpcError) as raised:
            channel.unary_unary("/faultd.v1.AgentService/GetAgent")(b"")
        self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("the call has no deadline; set one", raised.exception.details())

    def test_every_method_is_here(self):
        methods = {f"{service.name}/{method.name}"
                   for file in (pb, agent_pb, probe_service_pb) for service in file.DESCRIPTOR.services_by_name.values() for method in service.methods}
        self.assertEqual({name.removesuffix(" by id") for name in self.EXPECTED}, methods)
        self.assertEqual(set(self.calls(self.daemon, "")), set(self.EXPECTED))


if __name__ == "__main__":
    unittest.main()
