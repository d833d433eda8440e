"""The SSM document for latency: what it does to packets; needs netem, so it runs in the lab machine."""

import unittest

import lab
from lab import wait_for
from ssm_lab import Command


class LatencyTest(unittest.TestCase):
    def setUp(self):
        self.network = lab.Network()
        self.addCleanup(self.network.close)
        self.daemon = lab.Daemon().start()
        self.addCleanup(self.daemon.__exit__)
        self.before = lab.snapshot()

    def fastest(self, address):
        return min(lab.ping(address, count=5, timeout=3)[1])

    def check(self, *arguments, slow, fast=None):
        command = Command(self.daemon, "Network-Latency", "DurationSeconds=300", "DelayMilliseconds=400", *arguments)
        command.active()
        # Less than the delay by its jitter at most.
        self.assertGreater(self.fastest(slow), 385)
        if fast:
            self.assertLess(self.fastest(fast), 200)
        result = command.cancel()
        self.assertEqual(result["status"], "Cancelled")
        self.assertEqual([line["state"] for line in result["lines"]], ["active"])
        wait_for(lambda: lab.snapshot() == self.before, "the host is as it was")
        self.assertLess(self.fastest(slow), 200)

    def test_sources(self):
        self.check(f"Sources={self.network.v4(3)},{self.network.v6(3)}", slow=self.network.v4(3), fast=self.network.v4(4))

    def test_all_that_goes_out(self):
        self.check("Interface=up0", slow=self.network.v6(5))


if __name__ == "__main__":
    unittest.main()
