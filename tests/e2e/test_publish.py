"""What the daemon publishes, as CloudWatch, the CloudWatch agent and Prometheus see it."""

import calendar
import json
import os
import socket
import subprocess
import time
import unittest
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

import aws_lab
import lab
from lab import wait_for

CLOUDWATCH = """
[cloudwatch]
namespace = "Bookstore"
interval = "10s"
high_resolution = true
"""
LONG = 60  # seconds: requests go out every 10 s


def seconds(metric):
    return calendar.timegm(time.strptime(metric["Timestamp"], "%Y-%m-%dT%H:%M:%SZ"))


class PublishTest(aws_lab.AwsTest):
    def wait_for_value(self, name, value):
        wait_for(lambda: any(metric["Value"] == value for metric in self.aws.metrics(name)), f"{name} {value}", LONG)

    def run_fault(self, daemon):
        """Injects and reverts a fault; as it was afterwards."""
        id = daemon.inject("noop").id
        return daemon.revert(id)

    def assert_window(self, fault):
        """The window of a fault is there, as if nothing had been in the way."""
        active = self.aws.metrics("FaultActive")
        for metric in active:
            self.assertEqual(metric["Dimensions"], {"Host": "web-1", "Kind": "noop"})
        begin, end = fault.active_time.seconds, fault.end_time.seconds
        self.assertLessEqual(abs(min(seconds(metric) for metric in active if metric["Value"] == 1) - begin), 1)
        self.assertLessEqual(abs(max(seconds(metric) for metric in active if metric["Value"] == 0) - end), 1)
        self.assertEqual([metric["Value"] for metric in self.aws.metrics("FaultsReverted")], [1])

    def test_fault_shows_from_begin_to_end(self):
        self.aws.set(name_tag="Bücher 1", metadata_tags=False)
        daemon = self.daemon_with(CLOUDWATCH)
        id = daemon.inject("noop", lease=300).id
        self.wait_for_value("FaultActive", 1)
        self.assertNotIn(0, [metric["Value"] for metric in self.aws.metrics("FaultActive")])
        daemon.revert(id)
        self.wait_for_value("FaultActive", 0)
        names = {"FaultActive": "Count", "LeaseRemaining": "Seconds", "FaultsReverted": "Count"}
        metrics = {name: self.aws.metrics(name) for name in names}
        for name, unit in names.items():
            for metric in metrics[name]:
                self.assertEqual((metric["Namespace"], metric["Unit"], metric["StorageResolution"]), ("Bookstore", unit, 1))
                self.assertEqual(metric["Dimensions"], {"Host": "B_cher 1", "Kind": "noop"})
        self.assertEqual([metric["Value"] for metric in metrics["FaultsReverted"]], [1])
        self.assertGreater(metrics["LeaseRemaining"][0]["Value"], 250)
        self.assertEqual(min(metric["Value"] for metric in metrics["LeaseRemaining"]), 0)

    def test_what_cloudwatch_did_not_take_comes_later_with_its_times(self):
        self.aws.set(faults={"monitoring": [{"close": True, "for_ever": True}]})
        daemon = self.daemon_with(CLOUDWATCH)
        fault = self.run_fault(daemon)
        wait_for(lambda: self.aws.calls("monitoring"), "CloudWatch is called", LONG)
        self.assertEqual(daemon.stop(), 0)
        daemon.start()
        self.aws.set(faults={})
        self.wait_for_value("FaultActive", 0)
        self.assert_window(fault)

    def test_end_of_a_fault_by_a_stop_is_told_after_the_next_start(self):
        daemon = self.daemon_with(CLOUDWATCH)
        daemon.inject("noop", lease=300)
        self.wait_for_value("FaultActive", 1)
        before = int(time.time())
        self.assertEqual(daemon.stop(), 0)
        after = time.time()
        self.assertEqual(self.aws.metrics("FaultsReverted"), [])
        daemon.start()
        self.wait_for_value("FaultActive", 0)
        reverted, = self.aws.metrics("FaultsReverted")
        self.assertTrue(before - 1 <= seconds(reverted) <= after, reverted)

    def test_what_cloudwatch_did_not_take_survives_sigkill(self):
        self.aws.set(faults={"monitoring": [{"status": 500, "for_ever": True}]})
        daemon = self.daemon_with(CLOUDWATCH)
        fault = self.run_fault(daemon)
        wait_for(lambda: os.path.exists(os.path.join(daemon.state, "cloudwatch-unsent")), "samples are kept", LONG)
        daemon.kill()
        daemon.start()
        self.aws.set(faults={})
        self.wait_for_value("FaultActive", 0)
        self.assert_window(fault)

    def test_cloudwatch_that_hangs_holds_nothing_up(self):
        self.aws.set(faults={"monitoring": [{"hang": True, "for_ever": True}]})
        daemon = self.daemon_with(CLOUDWATCH)
        self.run_fault(daemon)
        wait_for(lambda: self.aws.calls("monitoring"), "CloudWatch is called", LONG)
        fault = daemon.inject("noop", lease=1)
        self.assertEqual(daemon.wait_for_end(fault.id).end_reason, lab.fault_pb2.END_REASON_LEASE_ENDED)
        self.assertEqual(daemon.stop(), 0)

    def test_the_name_of_the_host_survives_the_metadata(self):
        daemon = self.daemon_with(CLOUDWATCH)
        wait_for(lambda: os.path.exists(os.path.join(daemon.state, "cloudwatch-host")), "the Name tag is kept")
        daemon.stop()
        # The tag is not to be had now, but may be in a moment.
        self.aws.set(metadata_tags=False, faults={"ec2": [{"status": 503, "code": "RequestLimitExceeded", "for_ever": True}]})
        daemon.start()
        self.run_fault(daemon)
        self.wait_for_value("FaultActive", 0)
        self.assertEqual(self.aws.metrics("FaultActive")[0]["Dimensions"]["Host"], "web-1")

    def test_without_a_section_nothing_is_published(self):
        daemon = self.daemon_with("")
        self.run_fault(daemon)
        daemon.stop()
        self.assertEqual(self.aws.ask("/_/calls"), [])
        self.assertEqual(sorted(os.listdir(daemon.state)), ["journal", "lock"])

    def test_embedded_metrics_and_prometheus(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
            agent.bind(("127.0.0.1", 0))
            agent.settimeout(lab.DEADLINE)
            path = os.path.join("/tmp", f"faultd-metrics-{os.getpid()}.sock")
            daemon = self.daemon_with(f"""
[emf]
namespace = "Bookstore"
host = "web-7"
address = "127.0.0.1:{agent.getsockname()[1]}"
[prometheus]
listen = "unix:{path}"
""")
            fault = daemon.inject("noop")
            event = json.loads(agent.recv(65536))
            self.assertEqual((event["Host"], event["Kind"], event["FaultActive"]), ("web-7", "noop", 1))
            self.assertEqual(event["_aws"]["CloudWatchMetrics"][0]["Dimensions"], [["Host", "Kind"]])
            self.assertLessEqual(abs(event["_aws"]["Timestamp"] / 1000 - fault.active_time.seconds), 2)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(path)
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                page = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
            self.assertIn("HTTP/1.1 200 OK\r\n", page)
            self.assertIn('\nfaultd_fault_active{kind="noop"} 1\n', page)
            daemon.stop()
            self.assertFalse(os.path.exists(path))

    def test_prometheus_over_tcp(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        daemon = self.daemon_with(f'[prometheus]\nlisten = "{address}"\n')
        self.run_fault(daemon)
        with urllib.request.urlopen(f"http://{address}/metrics") as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            page = answer.read().decode()
        families = {family.name: family for family in text_string_to_metric_families(page)}
        self.assertEqual({family.type for family in families.values()}, {"counter", "gauge"})
        self.assertIn({"kind": "noop"}, [sample.labels for sample in families["faultd_fault_active"].samples])
        ended, = families["faultd_faults_ended"].samples
        self.assertEqual((ended.labels, ended.value), ({"kind": "noop", "reason": "requested"}, 1))


class CommandLineTest(aws_lab.AwsTest):
    """The stand-in is one that the AWS command line takes for AWS."""

    def aws_cli(self, *arguments):
        environment = {"HOME": "/nonexistent", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_PAGER": "",
                       "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.aws.url + "/"}
        done = subprocess.run(["/usr/bin/aws", "--endpoint-url", self.aws.url, "--output", "json", *arguments],
                              env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def test_put_metric_data_of_the_runbook(self):
        self.aws_cli("cloudwatch", "put-metric-data", "--namespace", "Bookstore", "--metric-name", "db-connectivity",
                     "--dimensions", "Host=web-1", "--value", "1")
        metric, = self.aws.metrics("db-connectivity")
        self.assertLessEqual(abs(seconds(metric) - time.time()), 60)
        self.assertEqual({name: metric[name] for name in ("Namespace", "Dimensions", "Value", "Unit", "StorageResolution")},
                         {"Namespace": "Bookstore", "Dimensions": {"Host": "web-1"}, "Value": 1, "Unit": "None", "StorageResolution": 60})

    def test_get_caller_identity(self):
        self.assertEqual(self.aws_cli("sts", "get-caller-identity"),
                         {"UserId": "AROAEXAMPLE:i-0123456789abcdef0", "Account": "123456789012",
                          "Arn": "arn:aws:sts::123456789012:assumed-role/web/i-0123456789abcdef0"})

    def test_describe_container_instances(self):
        id = "0123456789abcdef" * 2
        instance, = self.aws_cli("ecs", "describe-container-instances", "--cluster", "prod", "--container-instances", id)["containerInstances"]
        self.assertEqual((instance["status"], instance["ec2InstanceId"]), ("ACTIVE", "i-0123456789abcdef0"))

    def test_describe_tags(self):
        tag, = self.aws_cli("ec2", "describe-tags", "--filters", "Name=resource-id,Values=i-0123456789abcdef0", "Name=key,Values=Name")["Tags"]
        self.assertEqual((tag["Key"], tag["Value"], tag["ResourceType"]), ("Name", "web-1", "instance"))


if __name__ == "__main__":
    unittest.main()
