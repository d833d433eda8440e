"""Probes beside faults: they see what a fault does to a dependency, and that it is over."""

import json
import os
import subprocess
import unittest

import lab
from lab import DEADLINE, grpc, probe_pb, probe_service_pb as pb

PORT = 7777
CONFIG = """
[[probe]]
name = "db-connectivity"
target = "{db}:7777"
interval = "1s"
timeout = "200ms"
[[probe]]
name = "db6-connectivity"
target = "[{db6}]:7777"
interval = "1s"
timeout = "1s"
[[probe]]
name = "nobody-listens"
target = "{db}:7778"
interval = "1s"
timeout = "500ms"
"""


class ProbeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = lab.Network()
        cls.db = cls.network.v4(3)
        cls.daemon = lab.Daemon(config=CONFIG.format(db=cls.db, db6=cls.network.v6(3))).start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()
        cls.network.close()

    def list(self):
        return {probe.name: probe for probe in self.daemon.probes.ListProbes(pb.ListProbesRequest(), timeout=DEADLINE).probes}

    def next_result(self, stream, up):
        for event in stream:
            if event.WhichOneof("event") == "result" and event.result.up == up:
                return event.result
        raise AssertionError("the stream ended")

    def test_a_blackhole_is_seen_and_that_it_is_over(self):
        with lab.echo_server(self.network.peer, PORT):
            stream = self.daemon.probes.WatchProbes(pb.WatchProbesRequest(name="db-connectivity"), timeout=4 * DEADLINE)
            self.next_result(stream, up=True)
            fault = self.daemon.inject("blackhole", to=f"{self.db}:{PORT}", lease=60)
            down = self.next_result(stream, up=False)
            self.assertEqual(down.error, f"connect to {self.db} port {PORT}: timed out")
            self.assertGreaterEqual(down.latency.ToMilliseconds(), 200)
            self.assertEqual(self.list()["db-connectivity"].state, probe_pb.PROBE_STATE_DOWN)
            self.daemon.revert(fault.id)
            up = self.next_result(stream, up=True)
            self.assertEqual(up.error, "")
            self.assertEqual(self.list()["db-connectivity"].state, probe_pb.PROBE_STATE_UP)
            stream.cancel()

    def test_the_list_has_configuration_and_results(self):
        lab.wait_for(lambda: all(probe.results for probe in self.list().values()), "all have a result")
        probes = self.list()
        self.assertEqual(list(probes), ["db-connectivity", "db6-connectivity", "nobody-listens"])
        probe = probes["nobody-listens"]
        self.assertEqual((probe.kind, probe.target), ("tcp", f"{self.db}:7778"))
        self.assertEqual((probe.interval.ToMilliseconds(), probe.timeout.ToMilliseconds()), (1000, 500))
        self.assertEqual(probe.state, probe_pb.PROBE_STATE_DOWN)
        self.assertGreaterEqual(probe.consecutive, 1)
        self.assertEqual(probe.results[-1].error, f"connect to {self.db} port 7778: Connection refused")

    def test_a_watch_begins_with_each_probe_and_goes_on_with_results(self):
        stream = self.daemon.probes.WatchProbes(pb.WatchProbesRequest(), timeout=DEADLINE)
        seen, told_done, results = [], False, 0
        for event in stream:
            kind = event.WhichOneof("event")
            if kind == "probe":
                self.assertFalse(told_done)
                seen.append(event.probe.name)
            elif kind == "snapshot_done":
                told_done = True
            else:
                self.assertIn(event.result.probe, seen)
                results += told_done
            if results == 3:
                break
        self.assertEqual(seen, ["db-connectivity", "db6-connectivity", "nobody-listens"])
        stream.cancel()

    def test_what_is_wrong_with_a_request_is_said(self):
        with self.assertRaises(grpc.RpcError) as raised:
            list(self.daemon.probes.WatchProbes(pb.WatchProbesRequest(name="cdn"), timeout=DEADLINE))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(raised.exception.details(), "there is no probe cdn; faultctl probes lists those there are")
        # Field 9, which no request has.
        for call in (self.daemon.channel.unary_unary("/faultd.v1.ProbeService/ListProbes"),
                     lambda request: list(self.daemon.channel.unary_stream("/faultd.v1.ProbeService/WatchProbes")(request))):
            with self.assertRaises(grpc.RpcError) as raised:
                call(b"\x48\x01")
            self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_faultctl_lists_and_watches(self):
        lab.wait_for(lambda: self.list()["nobody-listens"].results, "it has a result")
        faultctl = [os.path.join(lab.BIN, "faultctl"), "probes", "--json", "--address", f"unix:{self.daemon.socket}"]
        listed = [json.loads(line) for line in lab.run(*faultctl).splitlines()]
        self.assertEqual([probe["name"] for probe in listed], ["db-connectivity", "db6-connectivity", "nobody-listens"])
        with subprocess.Popen([*faultctl, "--watch"], stdout=subprocess.PIPE, text=True) as watch:
            for line in watch.stdout:
                if "result" in json.loads(line):
                    break
            watch.terminate()
            self.assertEqual(watch.wait(DEADLINE), 0)
        self.assertIn("nobody-listens", lab.run(*(word for word in faultctl if word != "--json")))


if __name__ == "__main__":
    unittest.main()
