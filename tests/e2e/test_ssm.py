"""The SSM documents, run as the SSM agent does: their effect, and that nothing is left when they end,
are cancelled, or time out. (What needs netem is in test_ssm_netem.)"""

import contextlib
import datetime
import json
import socket
import subprocess
import unittest

import aws_lab
import lab
from lab import tcp_outcome, udp_outcome, wait_for
from ssm_lab import Command
from test_stress import MIB, cpu_seconds, io_bytes, resident_bytes, usage

CONFIG = '[ecs]\nagent = "{}"\n[protect]\nendpoints = ["{}"]\n'


class SsmTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with contextlib.ExitStack() as stack:
            cls.network = lab.Network()
            stack.callback(cls.network.close)
            cls.port = stack.enter_context(lab.echo_server(cls.network.peer))
            cls.disk = stack.enter_context(lab.file_system())
            cls.aws = aws_lab.StandIn()
            stack.callback(cls.aws.close)
            cls.daemon = lab.Daemon(config=CONFIG.format(cls.aws.url, cls.network.v4(7)))
            cls.daemon.environment = cls.aws.environment
            cls.addClassCleanup(stack.pop_all().close)
        cls.daemon.start()
        cls.addClassCleanup(cls.daemon.__exit__)
        cls.far = cls.network.v4(3)
        cls.before = cls.snapshot()

    @classmethod
    def snapshot(cls):
        return lab.snapshot(), usage(cls.disk), cls.aws.ask("/_/state")["instance_status"], cls.daemon.stress_processes()

    def tearDown(self):
        self.daemon.faults.RevertAll(lab.pb.RevertAllRequest())
        wait_for(lambda: self.snapshot() == self.before, "the host is as it was")
        self.aws.reset()

    def command(self, name, *arguments):
        return Command(self.daemon, name, *arguments)

    def reach_from_peer(self, port):
        """0 when a connection from the peer to this host is made, 124 when it hangs."""
        return subprocess.run(["ip", "netns", "exec", self.network.peer, "timeout", "0.4", "bash", "-c",
                               f"</dev/tcp/{self.network.v4(1)}/{port}"], capture_output=True).returncode

    # Each is run three times: to see its effect and be cancelled, to its end, and until it times out.

    def check(self, name, *arguments, effect):
        with self.subTest("cancelled"):
            command = self.command(name, "DurationSeconds=300", *arguments)
            fault = command.active()
            effect(fault)
            result = command.cancel()
            self.assertEqual(result["status"], "Cancelled")
            first, = result["lines"]
            self.assertEqual((first["id"], first["state"], first["summary"]), (fault.id, "active", fault.summary))
            deadline = datetime.datetime.fromisoformat(first["deadline"]).timestamp()
            self.assertAlmostEqual(deadline, fault.lease.deadline.seconds, delta=1)
            self.assertEqual(fault.labels["ssm-command"], result["command_id"])
            wait_for(lambda: self.snapshot() == self.before, "the host is as it was")
        with self.subTest("to its end"):
            result = self.command(name, "DurationSeconds=1", *arguments).result()
            self.assertEqual((result["status"], result["response_code"]), ("Success", 0), result)
            self.assertEqual([line["state"] for line in result["lines"]], ["active", "reverted"])
            self.assertEqual(result["lines"][1]["end_reason"], "lease ended")
            self.assertEqual(self.snapshot(), self.before)
        with self.subTest("timed out"):
            command = self.command(name, "DurationSeconds=300", "--step-timeout=4", *arguments)
            command.active()
            result = command.result()
            self.assertEqual((result["status"], result["response_code"]), ("TimedOut", 137))
            self.assertEqual([line["state"] for line in result["lines"]], ["active"])
            wait_for(lambda: self.snapshot() == self.before, "the host is as it was")

    def test_loss_of_sources(self):
        def effect(_):
            self.assertEqual(tcp_outcome(self.far, self.port), "hangs")
            self.assertEqual(tcp_outcome(self.network.v6(3), self.port), "hangs")
            self.assertEqual(tcp_outcome(self.network.v4(5), self.port), "ok")

        self.check("Network-Packet-Loss", f"Sources={self.far}/32,{self.network.v6(3)}", "LossPercent=100", effect=effect)

    def test_loss_of_a_zone(self):
        # Of the zone's subnet in this VPC, .6 and .7, the latter is protected.
        self.aws.set(vpc="vpc-1", subnets=[
            {"vpc": "vpc-1", "zone": "eu-west-1c", "zone_id": "euw1-az3", "cidr": self.network.v4(6) + "/31",
             "ipv6": [self.network.v6(6) + "/127"]},
            {"vpc": "vpc-2", "zone": "eu-west-1c", "zone_id": "euw1-az3", "cidr": self.network.v4(4) + "/32"},
            {"vpc": "vpc-1", "zone": "eu-west-1b", "zone_id": "euw1-az1", "cidr": self.network.v4(5) + "/32"}])

        def effect(fault):
            self.assertIn(source, fault.summary)
            self.assertEqual([tcp_outcome(self.network.v4(n), self.port) for n in (4, 5, 6, 7)], ["ok", "ok", "hangs", "ok"])
            self.assertEqual([tcp_outcome(self.network.v6(n), self.port) for n in (5, 7)], ["ok", "hangs"])

        for source in ("eu-west-1c", "euw1-az3"):
            self.check("Network-Packet-Loss", f"Sources={source}", "TrafficType=egress", "LossPercent=100", effect=effect)

    def test_blackhole_of_a_local_zone(self):
        self.aws.set(vpc="vpc-1", subnets=[{"vpc": "vpc-1", "zone": "eu-west-1-lon-1a", "zone_id": "euw1-lon1-az1",
                                            "cidr": self.network.v4(4) + "/31"}])
        fault = self.daemon.inject("blackhole", to="eu-west-1-lon-1a")
        self.assertEqual([tcp_outcome(self.network.v4(n), self.port) for n in (3, 4, 5, 6)], ["ok", "hangs", "hangs", "ok"])
        self.daemon.revert(fault.id)
        self.assertEqual(tcp_outcome(self.network.v4(4), self.port), "ok")

    def test_loss_of_a_service(self):
        self.aws.set(prefix_lists={"com.amazonaws.eu-west-1.s3": [self.network.v4(8) + "/31", self.network.v4(3) + "/32"],
                                   "com.amazonaws.eu-west-1.ipv6.s3": [self.network.v6(6) + "/127"]}, ec2_page=1)

        def effect(_):
            self.assertEqual([tcp_outcome(self.network.v4(n), self.port) for n in (3, 5, 8, 9)], ["hangs", "ok", "hangs", "hangs"])
            self.assertEqual([tcp_outcome(self.network.v6(n), self.port) for n in (5, 7)], ["ok", "hangs"])

        self.check("Network-Packet-Loss", "Sources=S3", "LossPercent=100", effect=effect)

    def test_loss_without_sources_hits_what_goes_out(self):
        def effect(fault):
            self.assertIn("egress", fault.summary)
            for n in (3, 4, 5):
                self.assertEqual(udp_outcome(self.network.v4(n), self.port), "hangs")

        self.check("Network-Packet-Loss", "Interface=up0", "LossPercent=100", effect=effect)

    def test_blackhole_of_a_port_elsewhere(self):
        def effect(_):
            self.assertEqual(tcp_outcome(self.far, self.port), "hangs")
            self.assertEqual(udp_outcome(self.far, self.port), "ok")

        self.check("Network-Blackhole", "Protocol=tcp", f"Port={self.port}", "TrafficType=egress", effect=effect)

    def test_blackhole_of_a_port_here(self):
        with socket.create_server(("", 9100)), socket.create_server(("", 9101)):
            def effect(_):
                self.assertEqual((self.reach_from_peer(9100), self.reach_from_peer(9101)), (124, 0))

            self.check("Network-Blackhole", "Protocol=tcp", "Port=9100", effect=effect)
            self.assertEqual(self.reach_from_peer(9100), 0)

    def test_cpu(self):
        def effect(fault):
            pid, = self.daemon.stress_processes(fault.id)
            wait_for(lambda: cpu_seconds(pid) > 0.2, "it uses the processor")
            self.assertEqual(len(self.daemon.effect(fault.id).cores), 1)

        self.check("CPU-Stress", "CPU=1", "LoadPercent=30", effect=effect)

    def test_no_cpu_load_is_a_fault_that_does_nothing(self):
        self.check("CPU-Stress", "LoadPercent=0", effect=lambda fault: self.assertEqual(self.daemon.stress_processes(fault.id), []))

    def test_memory(self):
        def effect(fault):
            pid, = self.daemon.stress_processes(fault.id)
            wait_for(lambda: resident_bytes(pid) > 16 * MIB, "it is resident")

        self.check("Memory-Stress", "Percent=2", effect=effect)

    def test_disk_fill(self):
        def effect(_):
            shown = int(lab.run("df", "--output=pcent", self.disk).split()[-1].rstrip("%"))
            self.assertTrue(79 <= shown <= 81, f"df shows {shown} %")

        self.check("Disk-Fill", "Percent=80", f"Path={self.disk}", effect=effect)

    def test_disk_io(self):
        def effect(fault):
            pid, = self.daemon.stress_processes(fault.id)
            start = io_bytes(pid)
            wait_for(lambda: all(now > then for now, then in zip(io_bytes(pid), start)), "it reads and writes")

        self.check("IO-Stress", "Percent=20", "Workers=2", f"Path={self.disk}", effect=effect)

    def test_ecs_drain(self):
        self.check("ECS-Drain", effect=lambda _: self.assertEqual(self.aws.ask("/_/state")["instance_status"], "DRAINING"))

    # The other documents.

    def test_status_and_revert_all(self):
        self.assertEqual(self.command("Status").result()["lines"], [{"faults": 0}])
        for id in ("one", "two"):
            self.daemon.inject("noop", id=id)
        # The result waits until no fault is left, so the output is read after the end of all.
        status = self.command("Status")
        status.process.wait(lab.DEADLINE)
        reverted = self.command("Revert-All").result()
        self.assertEqual(reverted["lines"][0], {"faults": 2, "reverted": 2})
        self.assertEqual({line["id"]: line["end_reason"] for line in reverted["lines"][1:]}, {"one": "requested", "two": "requested"})
        counts, *faults = status.result()["lines"]
        self.assertEqual(counts, {"faults": 2, "active": 2})
        self.assertEqual({fault["id"]: fault["state"] for fault in faults}, {"one": "active", "two": "active"})

    def test_revert_all_ends_a_command(self):
        command = self.command("CPU-Stress", "DurationSeconds=600", "CPU=1", "LoadPercent=10")
        command.active()
        self.assertEqual(self.command("Revert-All").result()["status"], "Success")
        result = command.result()
        self.assertEqual((result["status"], result["response_code"], result["lines"][-1]["end_reason"]), ("Failed", 1, "requested"))

    # What cannot be.

    def refusal(self, code, name, *arguments):
        result = self.command(name, "DurationSeconds=60", *arguments).result()
        self.assertEqual((result["status"], result["response_code"], len(result["lines"])), ("Failed", code, 1), result)
        return result["lines"][0]["error"]

    def test_sources_without_addresses(self):
        self.aws.set(vpc="vpc-1", subnets=[])
        for source, why in (("eu-west-1a", "the VPC of this host, vpc-1, has no subnet in this availability zone"),
                            ("us-east-1a", "it is no availability zone of eu-west-1, the region of this host"),
                            ("use1-az1", "it is no availability zone of eu-west-1, the region of this host"),
                            ("DYNAMODB", "EC2 has no addresses in a prefix list com.amazonaws.eu-west-1.dynamodb here")):
            for name in ("Network-Latency", "Network-Packet-Loss"):
                self.assertEqual(self.refusal(4, name, f"Sources=10.9.0.3,{source}"), f"the name {source} does not resolve: {why}")

    def test_sources_that_the_role_may_not_look_up(self):
        self.aws.set(denied=["ec2:DescribeSubnets", "ec2:GetManagedPrefixListEntries"],
                     prefix_lists={"com.amazonaws.eu-west-1.dynamodb": ["10.9.0.3/32"]})
        for source, action in (("eu-west-1b", "ec2:DescribeSubnets"), ("DYNAMODB", "ec2:GetManagedPrefixListEntries")):
            self.assertEqual(self.refusal(4, "Network-Packet-Loss", f"Sources={source}"),
                             f"the name {source} does not resolve: {action}: UnauthorizedOperation: User: "
                             "arn:aws:sts::123456789012:assumed-role/web/i-0123456789abcdef0 is not authorized to perform: "
                             f"{action} (the role of this host needs a policy that allows {action})")

    def test_refusals_of_the_daemon(self):
        self.assertIn("nosuch0", self.refusal(4, "Network-Packet-Loss", "Interface=nosuch0"))
        self.assertIn("/nosuch", self.refusal(4, "Disk-Fill", "Path=/nosuch"))
        self.assertEqual(self.refusal(4, "IO-Stress", "Path=/nosuch"), "Path is not there on this host")

    def test_no_daemon(self):
        with contextlib.ExitStack() as stack:
            stack.callback(self.daemon.start)
            self.daemon.stop()
            done = Command(self.daemon, "Status").process.communicate(timeout=60)[0]
        result = json.loads(done)
        self.assertEqual((result["status"], result["response_code"]), ("Failed", 3))
        self.assertTrue(json.loads(result["stdout"])["error"].startswith("cannot reach faultd at "), done)

    def test_daemon_that_is_killed(self):
        command = self.command("CPU-Stress", "DurationSeconds=600", "CPU=1", "LoadPercent=10")
        command.active()
        with contextlib.ExitStack() as stack:
            stack.callback(self.daemon.start)
            self.daemon.kill()
        result = command.result()
        self.assertEqual((result["status"], result["response_code"]), ("Failed", 1))
        self.assertIn("ended early: lost the daemon", result["stderr"])


if __name__ == "__main__":
    unittest.main()
