"""What network faults do to packets, measured; needs netem and nftables, so it runs in the lab machine."""

import contextlib
import ctypes
import math
import os
import select
import signal
import socket
import statistics
import time
import unittest

import lab
from lab import run, wait_for

# What a direction may take above what was asked for: the machine is emulated. Delays are asked for in
# steps of more than that.
SLACK_MS = 40


@contextlib.contextmanager
def namespace(name):
    """This thread in another network namespace. Sockets made there stay there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as here, open(f"/run/netns/{name}", "rb") as there:
        if libc.setns(there.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), f"enter network namespace {name}")
        try:
            yield
        finally:
            libc.setns(here.fileno(), 0)


class Path:
    """UDP from one address to another and back. Both ends are in this process, so that each direction is
    timed by itself."""

    def __init__(self, near, far, near_namespace=None, far_namespace="peer"):
        with namespace(near_namespace) if near_namespace else contextlib.nullcontext():
            self.near = self._socket(near)
        with namespace(far_namespace):
            self.far = self._socket(far)
        self.near.connect(self.far.getsockname()[:2])
        self.far.connect(self.near.getsockname()[:2])
        self.number = 0

    @staticmethod
    def _socket(address):
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, 0))
        # 33: SO_RCVBUFFORCE; what is not received was lost on the way, not here.
        sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
        return sock

    def close(self):
        self.near.close()
        self.far.close()

    def _one_way_ms(self, sender, receiver, timeout):
        self.number += 1
        packet = self.number.to_bytes(8, "big")
        sent = time.monotonic()
        sender.send(packet)
        while (left := sent + timeout - time.monotonic()) > 0:
            receiver.settimeout(left)
            with contextlib.suppress(TimeoutError):
                if receiver.recv(8) == packet:
                    return (time.monotonic() - sent) * 1000
        return math.inf

    def delays_ms(self, count, timeout=0.6):
        """The least of each direction, out and back (a busy machine only adds); infinite for packets that do not arrive."""
        trips = [(self._one_way_ms(self.near, self.far, timeout), self._one_way_ms(self.far, self.near, timeout))
                 for _ in range(count)]
        return tuple(min(direction) for direction in zip(*trips))

    def stream_ms(self, count, interval):
        """Sends packets at a steady pace and tells what each took, by its number."""
        sent, took = [], {}
        start = time.monotonic()
        while len(sent) < count or (len(took) < count and time.monotonic() < sent[-1] + 3):
            due = start + len(sent) * interval if len(sent) < count else sent[-1] + 3
            ready, _, _ = select.select([self.far], [], [], max(0, due - time.monotonic()))
            now = time.monotonic()
            if ready:
                number = int.from_bytes(self.far.recv(8), "big")
                took[number] = (now - sent[number]) * 1000
            elif len(sent) < count:
                sent.append(now)
                self.near.send((len(sent) - 1).to_bytes(8, "big"))
        return took

    def burst(self, count, while_under_way=lambda: None):
        """Sends as fast as it can; the numbers of the packets that arrive, in the order they do."""
        for number in range(count):
            self.near.send(number.to_bytes(8, "big"))
        while_under_way()
        self.far.settimeout(2)
        arrived = []
        with contextlib.suppress(TimeoutError):
            while len(arrived) < count:
                arrived.append(int.from_bytes(self.far.recv(8), "big"))
        return arrived


class NetemTest(unittest.TestCase):
    """A host with a container behind a bridge, and a peer; on the way to the peer a tree of qdiscs that
    somebody else has made."""
    CONFIG = ""
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.network = lab.Network()
        cls.addClassCleanup(cls.network.close)
        run("tc", "qdisc", "add", "dev", "up0", "root", "handle", "1:", "htb", "default", "10")
        run("tc", "class", "add", "dev", "up0", "parent", "1:", "classid", "1:10", "htb", "rate", "10gbit")
        run("tc", "qdisc", "add", "dev", "up0", "parent", "1:10", "handle", "10:", "pfifo", "limit", "20000")
        cls.add_container()
        cls.paths = {}
        for n in (3, 4):
            for version, address in ((4, cls.network.v4), (6, cls.network.v6)):
                cls.paths[version, n] = Path(address(1), address(n))
                cls.addClassCleanup(cls.paths[version, n].close)
        cls.before = lab.snapshot()
        cls.daemon = lab.Daemon(config=cls.CONFIG).start()
        cls.addClassCleanup(cls.daemon.stop)

    @classmethod
    def add_container(cls):
        run("ip", "netns", "add", "box")
        cls.addClassCleanup(run, "ip", "netns", "del", "box")
        run("ip", "link", "add", "bridge0", "type", "bridge")
        cls.addClassCleanup(run, "ip", "link", "del", "bridge0")
        run("ip", "link", "add", "box0", "type", "veth", "peer", "name", "eth0", "netns", "box")
        run("ip", "link", "set", "box0", "master", "bridge0", "up")
        run("ip", "link", "set", "bridge0", "up")
        run("ip", "-n", "box", "link", "set", "eth0", "up")
        for where, device, n in (((), "bridge0", 1), (("-n", "box"), "eth0", 2)):
            run("ip", *where, "addr", "add", f"10.20.0.{n}/24", "dev", device)
            run("ip", *where, "addr", "add", f"fd00:20::{n}/64", "dev", device, "nodad")
        for family, net, gateway, back in (("-4", "10.20.0.0/24", "10.20.0.1", cls.network.v4(1)),
                                           ("-6", "fd00:20::/64", "fd00:20::1", cls.network.v6(1))):
            run("ip", "-n", "box", family, "route", "add", "default", "via", gateway)
            run("ip", "-n", "peer", family, "route", "add", net, "via", back)
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
                file.write("1")
        wait_for(lambda: "tentative" not in run("ip", "addr"), "IPv6 addresses are usable")

    def setUp(self):
        if self.daemon.process is None:
            self.daemon.start()
        for path in self.paths.values():
            self.assert_delays(path, 0, 0)  # neighbours are known from here on

    def tearDown(self):
        if self.daemon.process is not None:
            self.daemon.faults.RevertAll(lab.pb.RevertAllRequest())
        self.assert_clean()

    def assert_clean(self):
        self.assertEqual(lab.snapshot(), self.before)
        self.assertEqual(self.daemon.records(), [])

    def assert_delay(self, took_ms, asked_ms, what):
        self.assertGreaterEqual(took_ms, asked_ms - 2, what)
        if asked_ms != math.inf:
            self.assertLessEqual(took_ms, asked_ms + SLACK_MS, what)

    def assert_delays(self, path, out, back):
        took = path.delays_ms(1 if math.inf in (out, back) else 5)
        self.assert_delay(took[0], out, f"out; both directions: {took}")
        self.assert_delay(took[1], back, f"back; both directions: {took}")

    def assert_ping(self, address, asked_ms):
        answers, times = lab.ping(address, count=5, interval=0.05, timeout=2)
        self.assertEqual(answers, 5)
        self.assert_delay(min(times), asked_ms, f"ping {address}: {times}")

    def targets(self, n):
        return [self.network.v4(n), self.network.v6(n)]

    def assert_beside_untouched(self):
        self.assert_delays(self.paths[4, 4], 0, 0)
        self.assert_delays(self.paths[6, 4], 0, 0)

    def check_directions(self):
        for direction, out, back in (("EGRESS", 100, 0), ("INGRESS", 0, 100), ("BOTH", 100, 100)):
            with self.subTest(direction):
                fault = self.daemon.inject("latency", to=self.targets(3), delay=0.1, direction=f"DIRECTION_{direction}")
                for version in (4, 6):
                    self.assert_delays(self.paths[version, 3], out, back)
                    self.assert_ping(self.targets(3)[version == 6], out + back)
                self.assert_beside_untouched()
                effect = self.daemon.effect(fault.id)
                self.assertGreaterEqual(effect.packets_delayed, 20)
                self.assertEqual(effect.packets_delayed, effect.packets_matched)
                self.daemon.revert(fault.id)
                self.assert_delays(self.paths[4, 3], 0, 0)
                self.assert_clean()

    def check_blackhole(self, direction):
        """Packets vanish, and their senders are told nothing."""
        path, address = self.paths[4, 3], self.network.v4(3)
        with lab.echo_server("peer") as port:
            fault = self.daemon.inject("blackhole", to=self.targets(3), direction=f"DIRECTION_{direction}")
            for version in (4, 6):
                self.assert_delays(self.paths[version, 3], 0 if direction == "INGRESS" else math.inf,
                                   0 if direction == "EGRESS" else math.inf)
            for target in self.targets(3):
                self.assertEqual(lab.tcp_outcome(target, port), "hangs")
                self.assertEqual(lab.udp_outcome(target, port), "hangs")
            self.assert_beside_untouched()
            self.assertEqual(lab.tcp_outcome(self.network.v4(4), port), "ok")
            self.assertGreater(self.daemon.effect(fault.id).packets_dropped, 3)
            self.daemon.revert(fault.id)
            self.assert_delays(path, 0, 0)
            self.assertEqual(lab.tcp_outcome(address, port), "ok")


class NftablesTest(NetemTest):

    def test_latency_hits_one_address_in_the_direction_asked_for(self):
        self.check_directions()

    def test_blackhole_beside_it_in_both_directions(self):
        self.check_blackhole("BOTH")

    def test_jitter_spreads_the_delay(self):
        path = self.paths[4, 3]
        # Standard deviations of the delay and the share of packets further than the jitter from its mean;
        # far above what a busy machine adds.
        for distribution, low, high, outside in (("UNIFORM", 90, 150, (0, 0.1)), ("NORMAL", 150, 260, (0.15, 0.5))):
            with self.subTest(distribution):
                fault = self.daemon.inject("latency", to=self.network.v4(3), delay=1, jitter=0.2,
                                           distribution=f"DELAY_DISTRIBUTION_{distribution}")
                took = list(path.stream_ms(400, 0.004).values())
                self.assertEqual(len(took), 400)
                mean, deviation = statistics.mean(took), statistics.stdev(took)
                self.assertTrue(950 <= mean <= 1100, f"{distribution}: {mean} ms")
                self.assertTrue(low <= deviation <= high, f"standard deviation {deviation} ms")
                share = sum(abs(each - mean) > 220 for each in took) / len(took)
                self.assertTrue(outside[0] <= share <= outside[1], f"{share} of the packets are further out")
                self.daemon.revert(fault.id)

    def send_through_loss(self, **fields):
        """4,000 packets; the numbers of those that arrive."""
        fault = self.daemon.inject("loss", to=self.network.v4(3), **fields)
        arrived = self.paths[4, 3].burst(4000)
        effect = self.daemon.effect(fault.id)
        self.assertEqual(effect.packets_matched, 4000)
        self.assertEqual(effect.packets_dropped, 4000 - len(arrived))
        self.assert_beside_untouched()
        self.daemon.revert(fault.id)
        self.assertEqual(len(self.paths[4, 3].burst(500)), 500)
        return arrived

    def test_loss_is_the_share_asked_for(self):
        lost = 4000 - len(self.send_through_loss(percent=10))
        # Three standard deviations of what 2,000 packets give: 40 of them, 80 of 4,000.
        self.assertTrue(320 <= lost <= 480, f"{lost} of 4000")

    def test_loss_in_bursts(self):
        arrived = self.send_through_loss(gilbert_elliott={"good_to_bad_percent": 10, "bad_to_good_percent": 30})
        lost = 4000 - len(arrived)
        # 10 / (10 + 30) per cent; four standard deviations, which the bursts double.
        self.assertTrue(780 <= lost <= 1220, f"{lost} of 4000")
        bursts = sum(b - a > 1 for a, b in zip([-1, *arrived], [*arrived, 4000]))
        # 1 / 30 % long on average; losses that know nothing of each other would make them 1.3 long.
        self.assertTrue(2.7 <= lost / bursts <= 4.1, f"{lost} packets in {bursts} bursts")

    def test_overlapping_faults_add_up_and_end_one_by_one(self):
        path = self.paths[4, 3]
        one = self.daemon.inject("latency", to=self.network.v4(3), delay=0.1)
        self.assert_delays(path, 100, 0)
        many = self.daemon.inject("latency", to=self.network.v4(0) + "/29", delay=0.2, direction="DIRECTION_BOTH")
        self.assert_delays(path, 300, 200)
        self.assert_delays(self.paths[4, 4], 200, 200)
        self.assert_delays(self.paths[6, 3], 0, 0)
        self.daemon.revert(one.id)
        self.assert_delays(path, 200, 200)
        self.assertEqual(self.daemon.records(), [many.id + ".record"])
        gone = self.daemon.inject("blackhole", to=self.network.v4(3))
        self.assert_delays(path, math.inf, 200)
        self.assert_delays(self.paths[4, 4], 200, 200)
        self.daemon.revert(gone.id)
        self.assert_delays(path, 200, 200)
        self.daemon.revert(many.id)
        self.assert_delays(path, 0, 0)

    def test_lease_that_ends_ends_the_latency(self):
        fault = self.daemon.inject("latency", to=self.network.v4(3), delay=0.1, lease=1)
        self.assert_delays(self.paths[4, 3], 100, 0)
        self.daemon.wait_for_end(fault.id)
        self.assert_delays(self.paths[4, 3], 0, 0)

    def test_latency_that_somebody_breaks_is_put_back(self):
        """Packets that are sent to a link which is gone or down would vanish, and not only be late."""
        for change, how in ((("ip", "link", "del", "{}"), "deleted"), (("ip", "link", "set", "{}", "down"), "brought down"),
                            (("tc", "qdisc", "del", "dev", "{}", "root"), "removed netem from"),
                            (("tc", "qdisc", "change", "dev", "{}", "root", "netem", "loss", "50%"), "changed netem on")):
            with self.subTest(how=how):
                fault = self.daemon.inject("latency", to=self.network.v4(3), delay=0.1)
                link = fault.verification.detail.rpartition(" ")[2]
                run(*(word.format(link) for word in change))
                self.assertEqual(self.daemon.failure(fault.id), f"fault {fault.id}: somebody else has {how} link {link}")
                self.assert_delays(self.paths[4, 3], 0, 0)

    def test_fault_is_lost_with_its_interface(self):
        for change in (("del", "extra0"), ("set", "extra0", "name", "renamed0")):
            with self.subTest(change=change):
                run("ip", "link", "add", "extra0", "type", "veth", "peer", "extra1")
                fault = self.daemon.inject("latency", to="192.0.2.1", delay=0.1, interfaces=["extra0"])
                run("ip", "link", *change)
                self.assertEqual(self.daemon.failure(fault.id), f"the interface of fault {fault.id} is gone, or has another name")
                run("ip", "link", "del", "renamed0", check=False)

    def test_container_behind_a_bridge(self):
        with contextlib.ExitStack() as stack:
            paths = {}
            for n in (3, 4):
                for version, near, far in ((4, "10.20.0.2", self.network.v4(n)), (6, "fd00:20::2", self.network.v6(n))):
                    paths[version, n] = Path(near, far, near_namespace="box")
                    stack.callback(paths[version, n].close)
                    self.assert_delays(paths[version, n], 0, 0)
            fault = self.daemon.inject("latency", to=self.targets(3), delay=0.1, direction="DIRECTION_BOTH", interfaces=["up0"])
            for version in (4, 6):
                self.assert_delays(paths[version, 3], 100, 100)
                self.assert_delays(paths[version, 4], 0, 0)
            self.daemon.revert(fault.id)
            self.daemon.inject("blackhole", to=self.targets(3))
            for version in (4, 6):
                self.assert_delays(paths[version, 3], math.inf, 0)
                self.assert_delays(paths[version, 4], 0, 0)

    def test_root_qdisc_is_untouched(self):
        tree = [("tc", what, "show", "dev", "up0") for what in ("qdisc", "class")]
        before = [run(*command) for command in tree]
        self.assertIn("htb 1: root", before[0])
        fault = self.daemon.inject("latency", all_traffic=True, delay=0.1, direction="DIRECTION_BOTH")
        self.assert_delays(self.paths[4, 3], 100, 100)
        self.assertEqual([run(*command) for command in tree], before)
        self.daemon.revert(fault.id)
        self.assertEqual([run(*command) for command in tree], before)

    def test_thousands_of_packets_in_flight_are_only_delayed(self):
        count, queued = 5000, []
        fault = self.daemon.inject("latency", to=self.network.v4(3), delay=1)
        arrived = self.paths[4, 3].burst(count, lambda: queued.append(self.daemon.effect(fault.id).packets_queued))
        self.assertEqual(arrived, list(range(count)))
        self.assertGreater(queued[0], 1500, "more than netem holds unless told otherwise")
        effect = self.daemon.effect(fault.id)
        self.assertEqual((effect.packets_delayed, effect.packets_dropped, effect.packets_overlimit), (count, 0, 0))

    def test_kernel_alone_ends_latency_and_blackhole(self):
        late, lost = self.paths[4, 3], self.paths[6, 4]
        self.daemon.inject("latency", to=self.targets(3), delay=0.1, direction="DIRECTION_BOTH")
        self.daemon.inject("blackhole", to=self.targets(4), direction="DIRECTION_BOTH")
        self.assert_delays(late, 100, 100)
        self.assert_delays(lost, math.inf, math.inf)
        # Stopped, the daemon does not start another guardian.
        self.daemon.process.send_signal(signal.SIGSTOP)
        for guardian in self.daemon.guardians():
            os.kill(guardian, signal.SIGKILL)
        self.assert_delays(late, 100, 100)
        self.daemon.kill()
        for path in self.paths.values():
            self.assert_delays(path, 0, 0)
        self.assertNotIn("faultd", run("nft", "list", "ruleset"))
        # Nobody was there to do more: the records and idle links are as they were.
        self.assertEqual(len(self.daemon.records()), 2)
        self.assertIn("faultd-null", run("ip", "link"))
        self.daemon.start()
        self.assert_clean()


class FlowerTest(NetemTest):
    """The steering of older kernels."""
    CONFIG = '[network]\nsteering = "flower"\n'

    def test_latency_hits_one_address_in_the_direction_asked_for(self):
        plan = self.daemon.faults.PlanFault(lab.pb.PlanFaultRequest(spec=lab.spec("latency", self.network.v4(3), delay=0.1)))
        self.assertEqual(plan.undo.latency.steering, "flower")
        self.check_directions()
        self.assertNotIn("faultd", run("nft", "list", "ruleset"))

    def test_blackhole(self):
        self.check_blackhole("EGRESS")
        self.check_blackhole("INGRESS")

    def test_clsact_that_was_there_stays(self):
        run("tc", "qdisc", "add", "dev", "up0", "clsact")
        try:
            run("tc", "filter", "add", "dev", "up0", "egress", "pref", "7", "protocol", "ip",
                "flower", "dst_ip", "192.0.2.1", "action", "drop")
            before = lab.snapshot()
            self.assertIn("192.0.2.1", before)
            fault = self.daemon.inject("latency", to=self.network.v4(3), delay=0.1)
            self.assert_delays(self.paths[4, 3], 100, 0)
            self.daemon.revert(fault.id)
            self.assertEqual(lab.snapshot(), before)
            self.daemon.inject("blackhole", to=self.network.v4(3))
            self.daemon.kill()
            self.assertEqual(lab.snapshot(), before)
        finally:
            run("tc", "qdisc", "del", "dev", "up0", "clsact")

    def test_guardian_puts_the_host_back_when_the_daemon_is_killed(self):
        self.daemon.inject("latency", to=self.targets(3), delay=0.1, direction="DIRECTION_BOTH")
        self.daemon.inject("blackhole", to=self.targets(4))
        self.assert_delays(self.paths[6, 3], 100, 100)
        self.daemon.kill()  # waits for the guardian, too
        self.assert_clean()
        for path in self.paths.values():
            self.assert_delays(path, 0, 0)

    def test_next_start_puts_the_host_back_when_all_are_killed(self):
        self.daemon.inject("latency", to=self.targets(3), delay=0.1)
        self.daemon.process.send_signal(signal.SIGSTOP)
        for guardian in self.daemon.guardians():
            os.kill(guardian, signal.SIGKILL)
        self.daemon.kill()
        self.assertEqual(len(self.daemon.records()), 1)
        self.daemon.start()
        self.assert_clean()


if __name__ == "__main__":
    unittest.main()
