"""What blackholes and losses do to real packets, in namespaces on this host (netem is in test_netem)."""

import math
import os
import socket
import subprocess
import unittest

import lab
from lab import REVERTED, grpc, pb, tcp_outcome, udp_outcome, wait_for


class NetworkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = lab.Network()
        cls.echo = lab.echo_server(cls.network.peer)
        cls.port = cls.echo.__enter__()
        cls.before = lab.snapshot()
        cls.daemon = lab.Daemon(config='[network]\nresolve_interval = "1s"\nresolve_grace = "0s"\n').start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()
        cls.echo.__exit__(None, None, None)
        cls.network.close()

    def tearDown(self):
        self.daemon.faults.RevertAll(pb.RevertAllRequest())
        self.assertEqual(lab.snapshot(), self.before)

    def outcomes(self, address):
        """(TCP, UDP, ping) to an address of the peer."""
        return tcp_outcome(address, self.port), udp_outcome(address, self.port), "ok" if lab.ping(address, timeout=0.3)[0] else "hangs"

    ALL_OK = ("ok", "ok", "ok")
    ALL_HANG = ("hangs", "hangs", "hangs")

    def test_blackhole_swallows_everything_silently(self):
        for address, beside in ((self.network.v4(3), self.network.v4(4)), (self.network.v6(3), self.network.v6(4))):
            for direction in ("DIRECTION_EGRESS", "DIRECTION_INGRESS", "DIRECTION_BOTH"):
                with self.subTest(address=address, direction=direction):
                    fault = self.daemon.inject("blackhole", to=address, direction=direction)
                    self.assertEqual(self.outcomes(address), self.ALL_HANG)
                    self.assertEqual(self.outcomes(beside), self.ALL_OK)
                    effect = self.daemon.effect(fault.id)
                    self.assertGreaterEqual(effect.packets_dropped, 3)
                    self.assertEqual(effect.packets_dropped, effect.packets_matched)
                    self.assertEqual(self.daemon.revert(fault.id).state, REVERTED)
                    self.assertEqual(self.outcomes(address), self.ALL_OK)

    def test_protocol_and_port_are_told_apart(self):
        address = self.network.v4(3)
        for to, expected in ((f"{address}:{self.port}/tcp", ("hangs", "ok", "ok")),
                             (f"{address}:{self.port}/udp", ("ok", "hangs", "ok")),
                             (f"{address}:{self.port}", ("hangs", "hangs", "ok")),
                             (f"{address}:{self.port - 5}-{self.port + 5}/tcp", ("hangs", "ok", "ok")),
                             (f"{address}:{self.port + 1}-{self.port + 5}", self.ALL_OK),
                             (f"{address}/icmp", ("ok", "ok", "hangs"))):
            with self.subTest(to=to):
                fault = self.daemon.inject("blackhole", to=to)
                self.assertEqual(self.outcomes(address), expected)
                self.daemon.revert(fault.id)

    def test_local_port_hits_a_service_of_this_host(self):
        request = pb.InjectFaultRequest(spec=lab.spec("blackhole", direction="DIRECTION_INGRESS"))
        request.spec.blackhole.target.to.add(local_ports={"first": 9100}, protocol="PROTOCOL_TCP")
        request.duration.seconds = 60
        listeners = [socket.create_server(("", port)) for port in (9100, 9101)]
        self.daemon.faults.InjectFault(request)

        def reach(port):
            return subprocess.run(["ip", "netns", "exec", self.network.peer, "timeout", "0.4", "bash", "-c",
                                   f"</dev/tcp/{self.network.v4(1)}/{port}"], capture_output=True).returncode

        self.assertEqual((reach(9100), reach(9101)), (124, 0))
        for listener in listeners:
            listener.close()

    def test_all_traffic_spares_the_excepted_and_neighbour_discovery(self):
        self.daemon.inject("blackhole", all_traffic=True, direction="DIRECTION_BOTH",
                           except_=[self.network.v4(4), f"{self.network.v4(5)}:{self.port}/tcp"])
        self.assertEqual(self.outcomes(self.network.v4(3)), self.ALL_HANG)
        self.assertEqual(self.outcomes(self.network.v6(3)), self.ALL_HANG)
        self.assertEqual(self.outcomes(self.network.v4(4)), self.ALL_OK)
        self.assertEqual(self.outcomes(self.network.v4(5)), ("ok", "hangs", "hangs"))
        # With the neighbour entry gone, even the excepted address would be lost without ARP.
        lab.run("ip", "neigh", "flush", "dev", "up0")
        self.assertEqual(self.outcomes(self.network.v4(4)), self.ALL_OK)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.sendto(b"x", (self.network.v6(6), 9))
        wait_for(lambda: any("REACHABLE" in line or "STALE" in line or "DELAY" in line
                             for line in lab.run("ip", "-6", "neigh", "show", self.network.v6(6)).splitlines()),
                 "neighbour discovery is answered under a blackhole of everything")

    def test_resolver_is_never_cut_off(self):
        with open("/etc/resolv.conf", encoding="ascii") as file:
            resolver = next(line.split()[1] for line in file if line.startswith("nameserver"))
        lab.run("ip", "-n", self.network.peer, "addr", "add", f"{resolver}/32", "dev", "lo")
        self.addCleanup(lab.run, "ip", "-n", self.network.peer, "addr", "del", f"{resolver}/32", "dev", "lo")
        with lab.echo_server(self.network.peer, 53):
            self.daemon.inject("blackhole", all_traffic=True, direction="DIRECTION_BOTH")
            self.assertEqual((tcp_outcome(resolver, 53), udp_outcome(resolver, 53)), ("ok", "ok"))
            self.assertEqual(lab.ping(resolver, timeout=0.2)[0], 0)

    def test_bridge_connected_container_is_hit_too(self):
        lab.run("ip", "netns", "add", "container")
        lab.run("ip", "link", "add", "br0", "type", "bridge")
        lab.run("ip", "link", "add", "c0", "type", "veth", "peer", "name", "eth0", "netns", "container")
        try:
            lab.run("ip", "link", "set", "c0", "master", "br0", "up")
            lab.run("ip", "addr", "add", "172.30.0.1/24", "dev", "br0")
            lab.run("ip", "link", "set", "br0", "up")
            lab.run("ip", "-n", "container", "addr", "add", "172.30.0.2/24", "dev", "eth0")
            lab.run("ip", "-n", "container", "link", "set", "eth0", "up")
            lab.run("ip", "-n", "container", "route", "add", "default", "via", "172.30.0.1")
            lab.run("ip", "-n", self.network.peer, "route", "add", "172.30.0.0/24", "via", self.network.v4(1))
            lab.run("sysctl", "-q", "net.ipv4.ip_forward=1")
            wait_for(lambda: lab.ping(self.network.v4(3), netns="container")[0], "the container reaches its dependency")
            fault = self.daemon.inject("blackhole", to=self.network.v4(3))
            self.assertEqual(lab.ping(self.network.v4(3), timeout=0.3, netns="container")[0], 0)
            self.assertEqual(lab.ping(self.network.v4(4), netns="container")[0], 1)
            self.daemon.revert(fault.id)
            self.assertEqual(lab.ping(self.network.v4(3), netns="container")[0], 1)
        finally:
            lab.run("sysctl", "-q", "net.ipv4.ip_forward=0")
            lab.run("ip", "-n", self.network.peer, "route", "del", "172.30.0.0/24", check=False)
            lab.run("ip", "link", "del", "br0")
            lab.run("ip", "link", "del", "c0", check=False)
            lab.run("ip", "netns", "del", "container")

    def test_ten_thousand_networks(self):
        networks = [f"10.{100 + i // 256}.{i % 256}.{16 * (i % 15)}/30" for i in range(9998)]
        fault = self.daemon.inject("blackhole", to=networks + [self.network.v4(3), self.network.v6(3)])
        self.assertEqual(self.outcomes(self.network.v4(3)), self.ALL_HANG)
        self.assertEqual(self.outcomes(self.network.v6(3)), self.ALL_HANG)
        self.assertEqual(self.outcomes(self.network.v4(4)), self.ALL_OK)
        self.daemon.revert(fault.id)
        self.assertEqual(self.outcomes(self.network.v4(3)), self.ALL_OK)

    def test_overlapping_faults_are_reverted_one_by_one(self):
        wide = self.daemon.inject("blackhole", to=f"10.9.0.0/29:{self.port}/udp")
        narrow = self.daemon.inject("blackhole", to=self.network.v4(3))
        self.assertEqual(self.outcomes(self.network.v4(3)), self.ALL_HANG)
        self.assertEqual(self.outcomes(self.network.v4(4)), ("ok", "hangs", "ok"))
        self.daemon.revert(narrow.id)
        self.assertEqual(self.outcomes(self.network.v4(3)), ("ok", "hangs", "ok"))
        narrow = self.daemon.inject("blackhole", to=self.network.v4(3))
        self.daemon.revert(wide.id)
        self.assertEqual(self.outcomes(self.network.v4(3)), self.ALL_HANG)
        self.assertEqual(self.outcomes(self.network.v4(4)), self.ALL_OK)

    def test_fault_is_lost_with_its_interface(self):
        for change in (("del", "extra0"), ("set", "extra0", "name", "renamed0")):
            with self.subTest(change=change):
                lab.run("ip", "link", "add", "extra0", "type", "veth", "peer", "extra1")
                other = self.daemon.inject("blackhole", to=self.network.v4(3))
                fault = self.daemon.inject("blackhole", to="192.0.2.1", interfaces=["extra0"])
                lab.run("ip", "link", *change)
                self.assertEqual(self.daemon.failure(fault.id), f"the interface of fault {fault.id} is gone, or has another name")
                self.assertEqual(self.outcomes(self.network.v4(3)), self.ALL_HANG)
                self.daemon.revert(other.id)
                lab.run("ip", "link", "del", "renamed0", check=False)

    def test_fault_is_lost_when_somebody_changes_its_link(self):
        def replace():
            index = str(socket.if_nametoindex("faultd-null"))
            lab.run("ip", "link", "del", "faultd-null")
            lab.run("ip", "link", "add", "faultd-null", "index", index, "type", "bridge")

        for change, how in ((lambda: lab.run("ip", "link", "del", "faultd-null"), "deleted"),
                            (lambda: lab.run("ip", "link", "set", "faultd-null", "up"), "brought up"), (replace, "replaced")):
            with self.subTest(how=how):
                fault = self.daemon.inject("blackhole", to=self.network.v4(3))
                change()
                self.assertEqual(self.daemon.failure(fault.id), f"fault {fault.id}: somebody else has {how} link faultd-null")
                self.assertEqual(self.outcomes(self.network.v4(3)), self.ALL_OK)
                lab.run("ip", "link", "del", "faultd-null", check=False)

    def test_link_with_another_name_goes_as_well(self):
        for end in (self.daemon.revert, lambda _: (self.daemon.kill(), self.daemon.start())):
            fault = self.daemon.inject("blackhole", to=self.network.v4(3))
            lab.run("ip", "link", "set", "faultd-null", "name", "renamed0")
            self.assertEqual(self.outcomes(self.network.v4(3)), self.ALL_HANG)
            end(fault.id)
            self.assertEqual(self.outcomes(self.network.v4(3)), self.ALL_OK)
            self.assertNotIn("renamed0", lab.run("ip", "link"))

    def test_uniform_loss_works_without_netem(self):
        sent = 2000
        fault = self.daemon.inject("loss", to=self.network.v4(3), percent=20.0)
        answered, _ = lab.ping(self.network.v4(3), count=sent, interval=0.001, timeout=1)
        lost = (sent - answered) / sent
        sigma = math.sqrt(0.2 * 0.8 / sent)
        self.assertAlmostEqual(lost, 0.2, delta=4 * sigma)
        effect = self.daemon.effect(fault.id)
        self.assertEqual((effect.packets_matched, effect.packets_dropped), (sent, sent - answered))

    def test_flows_percent_hits_a_connection_wholly_or_not(self):
        self.daemon.inject("blackhole", to=f"{self.network.v4(3)}:{self.port}/udp", flows_percent=50)
        flows = range(20000, 20060)
        first = [udp_outcome(self.network.v4(3), self.port, timeout=0.05, source_port=port) for port in flows]
        self.assertGreater(first.count("ok"), 10)
        self.assertGreater(first.count("hangs"), 10)
        self.assertEqual([udp_outcome(self.network.v4(3), self.port, timeout=0.05, source_port=port) for port in flows], first)

    def know_host(self, address, name):
        """For daemons too, which share the mount namespace with this test. Returns the file to change it in."""
        hosts = os.path.join(self.daemon.directory, "hosts")
        with open(hosts, "w", encoding="ascii") as file:
            file.write(f"{address} {name}\n")
        lab.run("mount", "--bind", hosts, "/etc/hosts")
        self.addCleanup(lab.run, "umount", "/etc/hosts")
        return hosts

    def test_control_endpoints_of_the_region_are_not_cut_off(self):
        address = self.network.v4(5)
        self.know_host(address, "ssm.eu-central-1.amazonaws.com")
        daemon = lab.Daemon()
        daemon.environment = {"AWS_REGION": "eu-central-1"}
        with daemon:
            daemon.inject("blackhole", to=address)
            self.assertEqual((tcp_outcome(address, self.port), tcp_outcome(address, 443)), ("hangs", "ConnectionRefusedError"))
            with self.assertRaises(grpc.RpcError) as raised:
                daemon.inject("blackhole", to=f"{address}:443/tcp")
            self.assertEqual(raised.exception.code(), grpc.StatusCode.PERMISSION_DENIED)

    def test_names_are_looked_up_again(self):
        hosts = self.know_host(self.network.v4(3), "db.test")
        fault = self.daemon.inject("blackhole", to="db.test")
        self.assertEqual(lab.ping(self.network.v4(3), timeout=0.2)[0], 0)
        self.assertEqual(lab.ping(self.network.v4(4))[0], 1)
        with open(hosts, "w", encoding="ascii") as file:
            file.write(f"{self.network.v4(4)} db.test\n")
        wait_for(lambda: lab.ping(self.network.v4(4), timeout=0.1)[0] == 0, "the new address is hit")
        wait_for(lambda: lab.ping(self.network.v4(3), timeout=0.1)[0] == 1, "the old address is free again")
        self.assertEqual(self.daemon.get(fault.id).state, lab.ACTIVE)

    def test_latency_says_what_is_missing(self):
        agent = {c.kind: c for c in self.daemon.agent().capabilities}
        if agent["latency"].state == agent["latency"].AVAILABLE:
            self.assertEqual(self.daemon.inject("latency", to=self.network.v4(3), delay=0.01).state, lab.ACTIVE)
            return
        with self.assertRaises(grpc.RpcError) as raised:
            self.daemon.inject("latency", to=self.network.v4(3), delay=0.1)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("kernel module sch_netem is missing: ", raised.exception.details())
        violation = lab.details(raised.exception, lab.error_details_pb2.PreconditionFailure).violations[0]
        self.assertEqual((violation.type, violation.subject), ("MODULE", "sch_netem"))


if __name__ == "__main__":
    unittest.main()
