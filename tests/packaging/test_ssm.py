"""The SSM documents: what schema 2.2 asks for, what AWSFIS-Run-* take, what they call, and what they refuse."""

import itertools
import json
import os
import re
import subprocess
import tempfile
import unittest

import ssm
from test_cloudwatch import check, service

DURATIONS = ("1", "60", "43200"), ("0", "43201", "60s", "-1", "")
PERCENTS = ("1", "9", "10", "99", "100"), ("0", "101", "7.5", "07", "5%")
INTERFACES = ("DEFAULT", "ALL", "eth0", "ens5,ens6", "br-0a1b2c.100"), ("", "eth0,", "-x", "sixteen-letters-")
SOURCES = (("10.0.0.1", "10.0.0.0/8,192.0.2.1", "db.example.com", "us-east-1a", "use1-az1", "S3", "DYNAMODB", "ALL", "2001:db8::/32"),
           ("a, b", "a,", ",a", "-x", "--all-traffic"))
TRAFFIC = ("ingress", "egress"), ("both", "")
INSTALL = ("True", "False"), ("true", "", "yes")
REQUIRED = object()

# By the pages of the AWSFIS-Run-* documents: default, values they take, and some that are out of range.
AWS = {
    "Network-Latency": {"DurationSeconds": (REQUIRED, *DURATIONS), "Interface": ("DEFAULT", *INTERFACES),
                        "DelayMilliseconds": ("200", ("1", "200", "60000"), ("0", "60001", "2.5")),
                        "JitterMilliseconds": ("DEFAULT", ("0", "10", "60000"), ("60001", "-1")),
                        "FlowsPercent": ("100", *PERCENTS), "Sources": ("", *SOURCES), "TrafficType": ("DEFAULT", *TRAFFIC),
                        "InstallDependencies": ("True", *INSTALL)},
    "Network-Packet-Loss": {"DurationSeconds": (REQUIRED, *DURATIONS), "Interface": ("DEFAULT", *INTERFACES), "LossPercent": ("7", *PERCENTS),
                            "FlowsPercent": ("100", *PERCENTS), "Sources": ("", *SOURCES), "TrafficType": ("DEFAULT", *TRAFFIC),
                            "InstallDependencies": ("True", *INSTALL)},
    "Network-Blackhole": {"DurationSeconds": (REQUIRED, *DURATIONS), "Protocol": (REQUIRED, ("tcp", "udp"), ("icmp", "")),
                          "Port": (REQUIRED, ("1", "80", "5432", "9999", "10000", "60000", "65535"), ("0", "65536", "70000", "100000", "http")),
                          "TrafficType": ("ingress", *TRAFFIC), "InstallDependencies": ("True", *INSTALL)},
    "CPU-Stress": {"DurationSeconds": (REQUIRED, *DURATIONS), "CPU": ("0", ("0", "1", "96"), ("-1", "all", "")),
                   "LoadPercent": ("100", ("0", *PERCENTS[0]), PERCENTS[1][1:]), "InstallDependencies": ("True", *INSTALL)},
    "Memory-Stress": {"DurationSeconds": (REQUIRED, *DURATIONS), "Workers": ("1", ("1", "64"), ("-1", "")),
                      "Percent": (REQUIRED, *PERCENTS), "InstallDependencies": ("True", *INSTALL)},
    "Disk-Fill": {"DurationSeconds": (REQUIRED, *DURATIONS), "Percent": ("95", *PERCENTS), "InstallDependencies": ("True", *INSTALL)},
    "IO-Stress": {"DurationSeconds": (REQUIRED, *DURATIONS), "Workers": ("1", ("1", "64", "256"), ("0", "257", "")),
                  "Percent": ("80", *PERCENTS), "InstallDependencies": ("True", *INSTALL)},
    "ECS-Drain": {"DurationSeconds": (REQUIRED, *DURATIONS)},
    "Revert-All": {},
    "Status": {},
}
OWN = {"Disk-Fill": {"Path"}, "IO-Stress": {"Path"}}
# A value for each parameter that has none.
NEEDED = {"DurationSeconds": "60", "Percent": "50", "Protocol": "tcp", "Port": "5432"}
# Parameters that mean nothing here.
IGNORED = {"InstallDependencies", "Workers"}


def arguments(name, **values):
    needed = {each: NEEDED[each] for each, declared in ssm.parameters(name).items() if "default" not in declared}
    return [f"{each}={value}" for each, value in {**needed, **values}.items()]


class SchemaTest(unittest.TestCase):
    def test_there_are_these(self):
        files = sorted(name for name in os.listdir(ssm.DOCUMENTS) if name.endswith(".yaml"))
        self.assertEqual(files, [f"Faultd-{name}.yaml" for name in ssm.NAMES])

    def test_documents_are_those_of_schema_2_2(self):
        create = service("ssm").operation_model("CreateDocument").input_shape
        for name in ssm.NAMES:
            with self.subTest(name):
                with open(ssm.path_of(name), encoding="utf8") as file:
                    content = file.read()
                self.assertLess(len(content), 32 << 10, "64 KiB are for the document and its values")
                check(create, {"Name": f"Faultd-{name}", "Content": content, "DocumentType": "Command", "DocumentFormat": "YAML"}, name)
                document = ssm.load(name)
                self.assertLessEqual(document.keys(), {"schemaVersion", "description", "parameters", "mainSteps"})
                step, = document["mainSteps"]
                self.assertEqual(step.keys(), {"action", "name", "precondition", "inputs"})
                self.assertEqual((step["action"], step["precondition"]), ("aws:runShellScript", {"StringEquals": ["platformType", "Linux"]}))
                self.assertRegex(step["name"], "^[A-Za-z0-9_]{3,128}$")
                self.assertEqual(step["inputs"].keys(), {"timeoutSeconds", "runCommand"})

    def test_time_is_longer_than_the_longest_fault(self):
        for name in ssm.NAMES:
            step, = ssm.load(name)["mainSteps"]
            seconds = int(step["inputs"]["timeoutSeconds"])
            self.assertGreaterEqual(seconds, 43200 + 60 if "DurationSeconds" in ssm.parameters(name) else 60, name)
            self.assertLessEqual(seconds, 172800)

    def test_parameters_never_become_text_of_a_script(self):
        for name in ssm.NAMES:
            with open(ssm.path_of(name), encoding="utf8") as file:
                self.assertNotIn("{{", file.read(), name)
            for each, declared in ssm.parameters(name).items():
                with self.subTest(name, parameter=each):
                    self.assertLessEqual(declared.keys(), ssm.ssm_run.FIELDS)
                    self.assertEqual((declared["type"], declared["interpolationType"]), ("String", "ENV_VAR"))
                    self.assertTrue(declared["description"])
                    self.assertIn("allowedPattern" in declared, (True, "allowedValues" not in declared))

    def test_patterns_mean_the_same_to_java_and_go(self):
        for name in ssm.NAMES:
            for each, declared in ssm.parameters(name).items():
                pattern = declared.get("allowedPattern", "^$")
                with self.subTest(name, parameter=each):
                    self.assertTrue(pattern.startswith("^") and pattern.endswith("$"))
                    # Nothing but literals, classes, groups, alternatives and repetition.
                    self.assertNotRegex(pattern, r"\(\?|\\|\[\^|\[\[|&&|[*+?}][+?]")
                    # RE2 refuses more than 1,000 repetitions.
                    product = 1
                    for most in re.findall(r"\{(?:\d+,)?(\d+)\}", pattern):
                        product *= int(most)
                    self.assertLessEqual(product, 1000)
                    if "|" in pattern:
                        self.assertRegex(pattern, r"^\^\(.*\)\$$", "the anchors are those of every alternative")

    def test_scripts_use_every_parameter(self):
        for name in ssm.NAMES:
            used = set(re.findall(r"SSM_(\w+)", ssm.script(name))) - {"COMMAND_ID"}
            declared = set(ssm.parameters(name))
            self.assertLessEqual(used, declared, name)
            self.assertLessEqual(declared - used, IGNORED, name)

    def test_scripts_never_return_what_the_agent_takes_for_something_else(self):
        for name in ssm.NAMES:
            codes = {int(code) for code in re.findall(r"(?:exit|refuse) (\d+)", ssm.script(name))}
            self.assertLessEqual(codes, {3, 4}, name)
            # The last command is faultctl in place of the shell.
            self.assertRegex(ssm.script(name), r"\nexec faultctl [^;|&]*--brief\n$", name)


class ParameterTest(unittest.TestCase):
    def test_names_and_defaults_are_those_of_aws(self):
        self.assertEqual(sorted(AWS), ssm.NAMES)
        for name, expected in AWS.items():
            declared = ssm.parameters(name)
            self.assertEqual(declared.keys() - OWN.get(name, set()), expected.keys(), name)
            for each, (default, _, _) in expected.items():
                self.assertEqual(declared[each].get("default", REQUIRED), default, f"{name} {each}")

    def test_ranges_are_those_of_aws(self):
        for name, expected in AWS.items():
            declared = ssm.parameters(name)
            for each, (_, good, bad) in expected.items():
                for value in good:
                    ssm.ssm_run.check_value(each, value, declared[each])
                for value in bad:
                    with self.assertRaises(ssm.ssm_run.Refused, msg=f"{name} {each}={value!r}"):
                        ssm.ssm_run.check_value(each, value, declared[each])

    def test_defaults_are_accepted(self):
        for name in ssm.NAMES:
            for each, declared in ssm.parameters(name).items():
                if "default" in declared:
                    ssm.ssm_run.check_value(each, declared["default"], declared)


class CallTest(unittest.TestCase):
    """What faultctl is called with."""

    def setUp(self):
        self.stub = ssm.Stub()
        self.addCleanup(self.stub.close)

    def call(self, name, **values):
        result = ssm.run(ssm.path_of(name), *arguments(name, **values), environment=self.stub.environment)
        self.assertEqual(result["status"], "Success", result)
        words = self.stub.take()
        if not ssm.parameters(name):
            return " ".join(words)
        self.assertEqual(words[-6:], ["--for", "60s", "--label", f"ssm-command={result['command_id']}", "--hold", "--brief"])
        return " ".join(words[:-6])

    def test_latency_of_all_traffic_is_as_the_plain_document_has_it(self):
        self.assertEqual(self.call("Network-Latency"), "latency --delay 200ms --all-traffic --direction egress --flows-percent 100")
        self.assertEqual(self.call("Network-Latency", Interface="ens5", DelayMilliseconds="50", InstallDependencies="False"),
                         "latency --delay 50ms --all-traffic --interface ens5 --direction egress --flows-percent 100")

    def test_latency_of_sources_is_as_the_other_document_has_it(self):
        self.assertEqual(self.call("Network-Latency", Sources="10.0.0.0/8,db.example.com,2001:db8::5"),
                         "latency --delay 200ms --jitter 10ms --to 10.0.0.0/8 --to db.example.com --to 2001:db8::5 "
                         "--direction ingress --flows-percent 100")
        self.assertEqual(self.call("Network-Latency", Sources="ALL", JitterMilliseconds="0", TrafficType="egress", FlowsPercent="25",
                                   Interface="ens5,ens6"),
                         "latency --delay 200ms --all-traffic --interface ens5,ens6 --direction egress --flows-percent 25")
        self.assertEqual(self.call("Network-Latency", JitterMilliseconds="3"),
                         "latency --delay 200ms --jitter 3ms --all-traffic --direction egress --flows-percent 100")

    def test_a_delay_does_not_vary_by_more_than_itself(self):
        self.assertEqual(self.call("Network-Latency", Sources="db", DelayMilliseconds="5"),
                         "latency --delay 5ms --jitter 5ms --to db --direction ingress --flows-percent 100")

    def test_zones_and_services_reach_faultctl_as_they_are(self):
        self.assertEqual(self.call("Network-Packet-Loss", Sources="S3,DYNAMODB,us-east-1a,use1-az1"),
                         "loss --percent 7 --to S3 --to DYNAMODB --to us-east-1a --to use1-az1 --direction ingress --flows-percent 100")

    def test_loss(self):
        self.assertEqual(self.call("Network-Packet-Loss"), "loss --percent 7 --all-traffic --direction egress --flows-percent 100")
        self.assertEqual(self.call("Network-Packet-Loss", LossPercent="100", TrafficType="ingress"),
                         "loss --percent 100 --all-traffic --direction ingress --flows-percent 100")

    def test_all_interfaces_are_those_of_devices(self):
        words = self.call("Network-Packet-Loss", Interface="ALL").split()
        found = [words[n + 1] for n, word in enumerate(words) if word == "--interface"]
        devices = [each for each in sorted(os.listdir("/sys/class/net")) if os.path.exists(f"/sys/class/net/{each}/device")]
        self.assertEqual(sorted(found), devices or ["*"])

    def test_blackhole_of_a_port_here_and_elsewhere(self):
        self.assertEqual(self.call("Network-Blackhole"), "blackhole --local-port 5432 --protocol tcp --direction ingress")
        self.assertEqual(self.call("Network-Blackhole", Protocol="udp", TrafficType="egress"), "blackhole --to :5432/udp --direction egress")

    def test_cpu(self):
        self.assertEqual(self.call("CPU-Stress"), "cpu --load 100 --cores all")
        self.assertEqual(self.call("CPU-Stress", CPU="1", LoadPercent="80"), "cpu --load 80 --cores 1")
        self.assertEqual(self.call("CPU-Stress", CPU="9999"), "cpu --load 100 --cores all")
        self.assertEqual(self.call("CPU-Stress", LoadPercent="0"), "noop --note CPU load of 0 %")

    def test_memory_and_disk(self):
        self.assertEqual(self.call("Memory-Stress", Workers="4"), "memory --percent-of-available 50")
        self.assertEqual(self.call("Disk-Fill"), "disk-fill --path / --percent 95")
        self.assertEqual(self.call("Disk-Fill", Path="/var", Percent="80"), "disk-fill --path /var --percent 80")

    def test_io_takes_a_share_of_what_is_free_but_not_all_the_time(self):
        with tempfile.TemporaryDirectory() as directory:
            words = self.call("IO-Stress", Workers="3", Percent="1", Path=directory).split()
            room = os.statvfs(directory)
        self.assertEqual(words[:-1], f"disk-io --path {directory} --threads 3 --file-size".split())
        size = int(words[-1].removesuffix("B"))
        self.assertLessEqual(size, 1 << 30)
        self.assertAlmostEqual(size, min(1 << 30, room.f_bavail * room.f_frsize // 100), delta=64 << 20)

    def test_the_others(self):
        self.assertEqual(self.call("ECS-Drain"), "ecs-drain")
        self.assertEqual(self.call("Revert-All"), "revert --all --brief")
        self.assertEqual(self.call("Status"), "list --brief")


class RefusalTest(unittest.TestCase):
    def setUp(self):
        self.stub = ssm.Stub()
        self.addCleanup(self.stub.close)

    def assert_error(self, result, code, text):
        self.assertEqual((result["status"], result["response_code"]), ("Failed", code))
        self.assertIn(text, json.loads(result["stdout"].splitlines()[0])["error"])
        self.assertIsNone(self.stub.take())

    def test_an_agent_that_would_not_export_the_parameters(self):
        for name in set(ssm.NAMES) - {"Revert-All", "Status"}:
            with self.subTest(name):
                self.assert_error(ssm.run(ssm.path_of(name), "--old-agent", *arguments(name), environment=self.stub.environment), 4,
                                  "update it to 3.3.2746.0 or newer")

    def test_a_host_without_faultctl(self):
        with tempfile.TemporaryDirectory() as directory:
            for tool in ("sh", "nproc", "stat", "expr"):
                os.symlink(f"/usr/bin/{tool}", os.path.join(directory, tool))
            interpreter = ["/usr/bin/python3", ssm.RUN, "--json"]
            for name in ssm.NAMES:
                with self.subTest(name):
                    done = subprocess.run([*interpreter, ssm.path_of(name), *arguments(name)], capture_output=True, text=True,
                                          env={**os.environ, "PATH": directory})
                    self.assert_error(json.loads(done.stdout), 3, "install the package faultd")


class InjectionTest(unittest.TestCase):
    def setUp(self):
        self.stub = ssm.Stub()
        self.addCleanup(self.stub.close)
        self.marker = os.path.join(self.stub.directory.name, "pwned")
        touch = f"touch {self.marker}"
        self.attacks = [f"; {touch}", f"1; {touch} #", f"$({touch})", f"`{touch}`", f"1\n{touch}\n", "1\n", f"'; {touch}; '", f'"; {touch}; "',
                        f"1 && {touch}", f"| {touch}", f"a[$({touch})]", "${IFS}", "*", "--all-traffic", "1 --all-traffic"]

    def test_patterns_refuse_it(self):
        for name in ssm.NAMES:
            declared = ssm.parameters(name)
            for each in declared:
                for attack in self.attacks:
                    with self.assertRaises(ssm.ssm_run.Refused, msg=f"{name} {each}={attack!r}"):
                        ssm.ssm_run.check_value(each, attack, declared[each])

    def test_without_patterns_it_is_harmless(self):
        for name in ssm.NAMES:
            path = os.path.join(self.stub.directory.name, "script")
            with open(path, "w", encoding="utf8") as file:
                file.write(ssm.script(name))
            declared = ssm.parameters(name)
            values = {f"SSM_{each}": parameter.get("default", NEEDED.get(each, "")) for each, parameter in declared.items()}
            for each, attack in itertools.product(declared, filter(lambda text: self.marker in text, self.attacks)):
                for shell in ("dash", "bash"):
                    subprocess.run([shell, path], env={**self.stub.environment, **values, f"SSM_{each}": attack}, capture_output=True,
                                   cwd=self.stub.directory.name)
                    self.assertFalse(os.path.exists(self.marker), f"{shell} {name} {each}={attack!r}")


if __name__ == "__main__":
    unittest.main()
