"""The FIS experiment templates and their role, against what AWS publishes about them, offline."""

import json
import os
import re
import unittest

import ssm
from test_cloudwatch import check, service

TEMPLATES = os.path.join(ssm.ROOT, "packaging", "fis")
NAMES = ["cdn-latency", "database-blackhole", "ecs-drain", "host-cpu"]
SEND = {"documentArn", "documentVersion", "documentParameters", "duration"}


def load(name):
    with open(os.path.join(TEMPLATES, f"{name}.json"), encoding="utf8") as file:
        return json.load(file)


def seconds(duration):
    minutes, = re.fullmatch(r"PT(\d+)M", duration).groups()
    return int(minutes) * 60


class TemplateTest(unittest.TestCase):
    def test_there_are_these(self):
        files = sorted(name for name in os.listdir(TEMPLATES) if name.endswith(".json"))
        self.assertEqual(files, sorted([f"{name}.json" for name in NAMES] + ["experiment-role-policy.json", "experiment-role-trust.json"]))

    def test_shapes_are_those_of_the_service(self):
        shape = service("fis").operation_model("CreateExperimentTemplate").input_shape
        for name in NAMES:
            # The command line tool makes the token.
            check(shape, {"clientToken": "x", **load(name)}, name)
        for bad in ({"roleArn": "a b"}, {"colour": "red"}, {"actions": {"Fault": {"parameters": {}}}},
                    {"actions": {"Fault": {"actionId": "a", "parameters": {"duration": "x" * 1025}}}}):
            with self.assertRaises(AssertionError, msg=bad):
                check(shape, {"clientToken": "x", **load("host-cpu"), **bad}, "bad")

    def test_targets_are_a_share_of_tagged_instances(self):
        for name in NAMES:
            target, = load(name)["targets"].values()
            self.assertEqual(target["resourceType"], "aws:ec2:instance", name)
            self.assertEqual(target["resourceTags"]["chaos"], "allowed", name)
            self.assertNotIn("resourceArns", target, "tags and ARNs exclude each other")
            self.assertRegex(target["selectionMode"], r"^(COUNT\([1-9]\)|PERCENT\(([1-9]|[1-9][0-9])\))$", name)

    def test_actions_run_documents_with_parameters_that_they_take(self):
        for name in NAMES:
            template = load(name)
            action, = template["actions"].values()
            self.assertEqual(action["actionId"], "aws:ssm:send-command")
            self.assertEqual(list(action["targets"]), ["Instances"])
            self.assertIn(action["targets"]["Instances"], template["targets"])
            values = action["parameters"]
            self.assertLessEqual(values.keys(), SEND)
            document, = re.fullmatch(r"arn:aws:ssm:eu-west-1:123456789012:document/Faultd-(.*)", values["documentArn"]).groups()
            given = {key: [value] for key, value in json.loads(values["documentParameters"]).items()}
            bound = ssm.ssm_run.bind(ssm.parameters(document), given)
            # Else FIS would take the action for completed and let the command run on.
            self.assertGreater(seconds(values["duration"]), int(bound["DurationSeconds"]), name)
            self.assertLessEqual(seconds(values["duration"]), 12 * 3600)

    def test_every_template_stops_on_connectivity_alarms(self):
        for name in NAMES:
            conditions = load(name)["stopConditions"]
            self.assertTrue(1 <= len(conditions) <= 5)
            for condition in conditions:
                self.assertEqual(condition["source"], "aws:cloudwatch:alarm")
                self.assertRegex(condition["value"], "^arn:aws:cloudwatch:eu-west-1:123456789012:alarm:Bookstore bookstore-[12] (db|cdn)-connectivity$")

    def test_a_fault_does_not_stop_itself(self):
        for condition in load("database-blackhole")["stopConditions"]:
            self.assertTrue(condition["value"].endswith("cdn-connectivity"))

    def test_the_drain_is_five_minutes_of_a_share_of_a_cluster(self):
        template = load("ecs-drain")
        target, = template["targets"].values()
        self.assertEqual((target["resourceTags"]["ecs-cluster"], target["selectionMode"]), ("bookstore", "PERCENT(25)"))
        action, = template["actions"].values()
        self.assertEqual(json.loads(action["parameters"]["documentParameters"]), {"DurationSeconds": "300"})


class RoleTest(unittest.TestCase):
    def test_policy_allows_what_fis_calls_and_no_more(self):
        policy = load("experiment-role-policy")
        self.assertEqual(policy["Version"], "2012-10-17")
        allowed = {}
        for statement in policy["Statement"]:
            self.assertEqual(statement["Effect"], "Allow")
            self.assertLessEqual(statement.keys(), {"Sid", "Effect", "Action", "Resource", "Condition"})
            actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
            for action in actions:
                allowed.setdefault(action, []).append(statement["Resource"])
                name, operation = action.split(":")
                self.assertIn(operation, service(name).operation_names)
        self.assertEqual(sorted(allowed), ["ec2:DescribeInstances", "ssm:CancelCommand", "ssm:ListCommands", "ssm:SendCommand"])
        self.assertEqual(allowed["ssm:SendCommand"], ["arn:aws:ssm:*:123456789012:document/Faultd-*", "arn:aws:ec2:*:123456789012:instance/*"])
        instances = policy["Statement"][1]
        self.assertEqual(instances["Condition"], {"StringEquals": {"ssm:resourceTag/chaos": "allowed"}})

    def test_only_fis_of_this_account_takes_the_role(self):
        statement, = load("experiment-role-trust")["Statement"]
        self.assertEqual(statement, {"Effect": "Allow", "Principal": {"Service": "fis.amazonaws.com"}, "Action": "sts:AssumeRole",
                                     "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}})


if __name__ == "__main__":
    unittest.main()
