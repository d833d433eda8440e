"""Clients that stall, flood and send nonsense: nobody else notices, and every fault ends when its lease does."""

import contextlib
import os
import random
import socket
import ssl
import threading
import unittest

import lab
import test_remote
from lab import REVERTED, grpc, pb, wait_for

PORT = test_remote.PORT
LARGEST = 8 << 20  # of a request
# How a client of HTTP/2 begins.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def closed(connection):
    """Whether the other end has closed this connection, now or by the time it has sent what it wanted."""
    connection.settimeout(lab.DEADLINE)
    try:
        while connection.recv(4096):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False


class HostileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lab.run("ip", "link", "set", "lo", "up")
        cls.authority = test_remote.Authority()
        cls.daemon = lab.Daemon(config=test_remote.config(cls.authority.directory, listen=f"0.0.0.0:{PORT}")).start()
        cls.pid = cls.daemon.process.pid

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()
        cls.authority.folder.cleanup()

    def tearDown(self):
        self.assertIsNone(self.daemon.process.poll(), self.daemon.read_log())
        self.assertEqual(list(self.daemon.list()), [])

    @contextlib.contextmanager
    def lease(self, operator=None):
        """A fault of 1 s, which is seen to end by its lease when the block is over."""
        self.daemon.inject("noop", lease=1, id=self.id())
        yield
        over = self.daemon.wait_for_end(self.id())
        self.assertEqual((over.state, over.end_reason), (REVERTED, lab.fault_pb2.END_REASON_LEASE_ENDED))

    def id(self):
        return super().id().rsplit(".", 1)[-1].replace("_", "-")[:63]

    def connect(self, source="127.0.0.1"):
        connection = socket.create_connection(("127.0.0.1", PORT), lab.DEADLINE, (source, 0))
        self.addCleanup(connection.close)
        return connection

    def tls(self, source="127.0.0.1", client="operator"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(f"{self.authority.directory}/ca.pem")
        context.load_cert_chain(f"{self.authority.directory}/{client}.pem", f"{self.authority.directory}/{client}.key")
        context.set_alpn_protocols(["h2"])
        tls = context.wrap_socket(self.connect(source), server_hostname="localhost")
        self.addCleanup(tls.close)
        return tls

    def assert_served(self):
        self.assertEqual(test_remote.get_agent(self.authority.connect("operator")).version, self.daemon.agent().version)

    def test_handshake_that_is_never_finished_is_ended(self):
        with self.lease():
            silent = self.connect()
            begun = self.connect()
            begun.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # of a ClientHello
            self.assert_served()
        self.assertTrue(closed(silent))
        self.assertTrue(closed(begun))

    def test_thousand_connections_leave_room_for_others(self):
        with self.lease():
            mine = [self.connect() for _ in range(1000)]
            # Those that are too many are closed at once, the others when they have not said who they are.
            many = self.tls(source="127.0.0.9")
            self.assertEqual(many.version(), "TLSv1.3")
        self.assertTrue(all(closed(each) for each in mine))
        self.assert_served()
        # Each descriptor is given back.
        wait_for(lambda: len(os.listdir(f"/proc/{self.pid}/fd")) < 100, "descriptors are closed")

    def test_one_address_gets_its_share_only(self):
        held = []
        for _ in range(64):
            held.append(self.tls())
            held[-1].sendall(PREFACE + SETTINGS)  # who says nothing is sent away after a while
        # Its next connection is closed before the handshake.
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.tls()
        held.pop().close()
        wait_for(lambda: self.handshake_works(), "there is room for another one")

    def handshake_works(self):
        try:
            self.tls().close()
            return True
        except (ssl.SSLError, ConnectionError):
            return False

    def test_nonsense_in_tls_is_no_request(self):
        numbers = random.Random(7)
        with self.lease():
            for begin in (b"", PREFACE, PREFACE + SETTINGS):
                for _ in range(10):
                    connection = self.tls()
                    with contextlib.suppress(OSError):
                        connection.sendall(begin + numbers.randbytes(4096))
                    with contextlib.suppress(OSError):
                        connection.unwrap()
                    connection.close()
            self.assert_served()

    def assert_refused(self, message, code):
        with self.assertRaises(grpc.RpcError) as raised:
            self.daemon.channel.unary_unary("/faultd.v1.FaultService/InjectFault")(message)
        self.assertEqual(raised.exception.code(), code, raised.exception.details())

    def test_oversized_truncated_and_random_messages(self):
        request = pb.InjectFaultRequest(id="x", spec=lab.spec("blackhole", "10.0.0.1"))
        request.duration.FromSeconds(60)
        whole = request.SerializeToString()
        self.assert_refused(b"\x0a\x80\x80\x80\x05" + b"x" * (10 << 20), grpc.StatusCode.RESOURCE_EXHAUSTED)
        numbers = random.Random(7)
        for size in range(1, len(whole)):
            with self.assertRaises(grpc.RpcError):
                # A message that is cut off between two fields is a message, of an invalid request.
                self.daemon.channel.unary_unary("/faultd.v1.FaultService/InjectFault")(whole[:size])
        for _ in range(300):
            with self.assertRaises(grpc.RpcError):
                self.daemon.channel.unary_unary("/faultd.v1.FaultService/InjectFault")(numbers.randbytes(numbers.randrange(1, 200)))
        # Beside what there is a field of a later version.
        self.assert_refused(whole + b"\x9a\x06\x01x", grpc.StatusCode.INVALID_ARGUMENT)

    def test_flood_of_garbage_does_not_hold_up_a_lease(self):
        stop = threading.Event()

        def flood(seed):
            numbers = random.Random(seed)
            stubs = self.authority.connect("operator")
            call = stubs.channel.unary_unary("/faultd.v1.FaultService/InjectFault")
            while not stop.is_set():
                futures = [call.future(numbers.randbytes(64), timeout=lab.DEADLINE) for _ in range(50)]
                for each in futures:
                    each.exception()

        floods = [threading.Thread(target=flood, args=(seed,)) for seed in range(4)]
        for each in floods:
            each.start()
        try:
            with self.lease():
                pass
        finally:
            stop.set()
            for each in floods:
                each.join()

    def test_streams_of_one_connection_are_bounded(self):
        """Beyond its streams a client waits, and nobody else."""
        observer = self.authority.connect("observer")
        streams = [observer.faults.WatchFaults(pb.WatchFaultsRequest(), timeout=lab.DEADLINE) for _ in range(100)]
        for each in streams:
            next(each)
        waiting = observer.faults.ListFaults.future(pb.ListFaultsRequest(), timeout=lab.DEADLINE)
        self.assert_served()
        self.assertFalse(waiting.done())
        streams[0].cancel()
        self.assertEqual(list(waiting.result().faults), [])
        for each in streams:
            each.cancel()

    def test_streams_of_one_principal_are_bounded(self):
        """However many connections it makes; its other requests and other principals go on."""
        place = 256
        connections = [self.authority.connect("observer") for _ in range(3)]
        streams = []
        for n in range(place):
            # Those that another test has cancelled may still be on their way out.
            wait_for(lambda: self.watches(connections[n % 3], streams), f"stream {n + 1} begins")
        with self.assertRaises(grpc.RpcError) as raised:
            next(connections[0].faults.WatchFaults(pb.WatchFaultsRequest(), timeout=lab.DEADLINE))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertIn(f"has {place} streams open", raised.exception.details())
        self.assertEqual(list(connections[0].faults.ListFaults(pb.ListFaultsRequest()).faults), [])
        next(self.authority.connect("operator").faults.WatchFaults(pb.WatchFaultsRequest(), timeout=lab.DEADLINE))
        streams.pop().cancel()
        wait_for(lambda: self.watches(connections[1], streams), "there is room for another stream")
        for each in streams:
            each.cancel()

    def watches(self, stubs, streams):
        """Whether one more stream begins, which is added to these."""
        try:
            stream = stubs.faults.WatchFaults(pb.WatchFaultsRequest(), timeout=3 * lab.DEADLINE)
            next(stream)
            streams.append(stream)
            return True
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
            return False


if __name__ == "__main__":
    unittest.main()
