"""The stand-in for AWS as a process of a test."""

import json
import os
import subprocess
import sys
import unittest
import urllib.request

import lab

HERE = os.path.dirname(os.path.abspath(__file__))


class StandIn:
    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-B", os.path.join(HERE, "aws_stand_in.py")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        # What a process must have in its environment to take it for AWS and for the instance's metadata.
        self.environment = {"AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url, "HOME": "/nonexistent"}

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, path, change=None):
        data = None if change is None else json.dumps(change).encode()
        with urllib.request.urlopen(self.url + path, data=data) as answer:
            return json.load(answer)

    def reset(self, **state):
        self.ask("/_/reset", {"anew": True, **state})

    def set(self, **state):
        self.ask("/_/state", state)

    def calls(self, service):
        return [call for call in self.ask("/_/calls") if call["service"] == service]

    def metrics(self, name):
        """The data points of this name, each value for itself, in the order of arrival."""
        points = []
        for datum in self.ask("/_/metrics"):
            if datum["MetricName"] == name:
                points += [{**datum, "Value": value, "Values": None, "Counts": None} for value in datum["Values"]]
        return points


class AwsTest(unittest.TestCase):
    """Tests with a stand-in of their own, as it was at its start for each."""

    @classmethod
    def setUpClass(cls):
        lab.run("ip", "link", "set", "lo", "up")
        cls.aws = StandIn()
        cls.addClassCleanup(cls.aws.close)

    def setUp(self):
        self.aws.reset()

    def daemon_with(self, config):
        """A faultd that takes the stand-in for AWS, for the time of the test."""
        daemon = lab.Daemon(config=config)
        daemon.environment = self.aws.environment
        self.addCleanup(daemon.__exit__)
        return daemon.start()
