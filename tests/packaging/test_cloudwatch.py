"""The CloudFormation template and the IAM policy, against what AWS publishes about them, offline."""

import fnmatch
import json
import os
import re
import unittest

import botocore.loaders
import botocore.model

import cloudformation

PACKAGING = os.path.join(os.path.dirname(__file__), "..", "..", "packaging")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:oncall"

# Properties of https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html
# and …-dashboard.html.
ALARM = {
    "ActionsEnabled": bool, "AlarmActions": list, "AlarmDescription": str, "AlarmName": str, "ComparisonOperator": str,
    "DatapointsToAlarm": int, "Dimensions": list, "EvaluateLowSampleCountPercentile": str, "EvaluationPeriods": int,
    "ExtendedStatistic": str, "InsufficientDataActions": list, "MetricName": str, "Metrics": list, "Namespace": str,
    "OKActions": list, "Period": int, "Statistic": str, "Tags": list, "Threshold": float, "ThresholdMetricId": str,
    "TreatMissingData": str, "Unit": str,
}
DASHBOARD = {"DashboardBody": str, "DashboardName": str}
RESOURCES = {
    "AWS::CloudWatch::Alarm": (ALARM, {"ComparisonOperator", "EvaluationPeriods"}, "PutMetricAlarm"),
    "AWS::CloudWatch::Dashboard": (DASHBOARD, {"DashboardBody"}, "PutDashboard"),
}
MISSING_DATA = {"breaching", "notBreaching", "ignore", "missing"}

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
BODY = {"start", "end", "periodOverride", "widgets", "variables"}
WIDGET = {"type", "x", "y", "width", "height", "properties"}
METRIC_WIDGET = {"accountId", "annotations", "liveData", "legend", "metrics", "period", "region", "stat", "title", "view",
                 "stacked", "sparkline", "timezone", "yAxis", "table", "labels", "start", "end", "setPeriodToTimeRange",
                 "singleValueFullPrecision", "trend"}
EXPRESSION = {"expression", "id", "label", "yAxis", "color", "period", "region", "accountId", "visible"}


def service(name):
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)


def check(shape, value, path):
    """Raises AssertionError unless a shape of botocore's model has this value, with its limits."""
    def require(condition, what):
        if not condition:
            raise AssertionError(f"{path}: {value!r}: {what}")

    limits = shape.metadata
    if shape.type_name == "structure":
        require(not value.keys() - shape.members.keys(), f"unknown members {value.keys() - shape.members.keys()}")
        require(not set(shape.required_members) - value.keys(), f"lacks one of {shape.required_members}")
        for name, member in value.items():
            check(shape.members[name], member, f"{path}.{name}")
        return
    size = value
    if shape.type_name == "map":
        for name, member in value.items():
            check(shape.key, name, f"{path} key")
            check(shape.value, member, f"{path}.{name}")
        size = len(value)
    elif shape.type_name == "list":
        for n, member in enumerate(value):
            check(shape.member, member, f"{path}[{n}]")
        size = len(value)
    elif shape.type_name == "string":
        require(isinstance(value, str), "not a string")
        require(not limits.get("enum") or value in limits["enum"], f"not one of {limits.get('enum')}")
        require(re.fullmatch(limits.get("pattern", "(?s).*"), value), f"does not match {limits.get('pattern')}")
        size = len(value)
    elif shape.type_name == "boolean":
        require(isinstance(value, bool), "not a boolean")
    else:
        require(isinstance(value, int) or (shape.type_name in ("double", "float") and isinstance(value, float)), "not a number")
    require(limits.get("min", size) <= size <= limits.get("max", size), f"not from {limits.get('min')} to {limits.get('max')}")


class TemplateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.template = cloudformation.load(os.path.join(PACKAGING, "cloudwatch", "faultd-alarms.yaml"))
        cls.model = service("cloudwatch")

    def stack(self, **parameters):
        return cloudformation.Stack(self.template, {"Hosts": "bookstore-1,bookstore-2", "AlarmTopic": TOPIC, **parameters})

    def of_type(self, stack, name):
        return [each["Properties"] for each in stack.resources.values() if each["Type"] == f"AWS::CloudWatch::{name}"]

    def test_sections_and_parameters(self):
        self.assertEqual(self.template["AWSTemplateFormatVersion"], "2010-09-09")
        self.assertLessEqual(self.template.keys(), {"AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters",
                                                    "Rules", "Mappings", "Conditions", "Resources", "Outputs"})
        self.assertLessEqual(len(self.template["Description"]), 1024)
        self.assertEqual(self.template["Transform"], "AWS::LanguageExtensions")  # Fn::ForEach needs it
        self.assertEqual(self.stack().unused, set())
        with self.assertRaises(ValueError):
            self.stack(AlarmTopic="oncall")

    def test_resources_are_what_cloudformation_knows(self):
        for parameters in ({}, {"AlarmTopic": ""}, {"Probes": "db"}):
            for name, resource in self.stack(**parameters).resources.items():
                properties, required, _ = RESOURCES[resource["Type"]]
                self.assertEqual(resource.keys(), {"Type", "Properties"}, name)
                for key, value in resource["Properties"].items():
                    self.assertIsInstance(value, properties[key], f"{name}.{key}")
                self.assertLessEqual(required, resource["Properties"].keys(), name)

    def test_the_api_behind_takes_them(self):
        for name, resource in self.stack().resources.items():
            operation = RESOURCES[resource["Type"]][2]
            check(self.model.operation_model(operation).input_shape, resource["Properties"], name)

    def test_one_alarm_per_host_and_probe_as_the_runbook_has_it(self):
        alarms = self.of_type(self.stack(), "Alarm")
        self.assertEqual({(alarm["Dimensions"][0]["Value"], alarm["MetricName"]) for alarm in alarms},
                         {(host, probe) for host in ("bookstore-1", "bookstore-2") for probe in ("db-connectivity", "cdn-connectivity")})
        self.assertEqual(len({alarm["AlarmName"] for alarm in alarms}), 4)
        for alarm in alarms:
            self.assertEqual([each["Name"] for each in alarm["Dimensions"]], ["Host"])
            self.assertEqual({key: alarm[key] for key in ("Namespace", "Statistic", "Period", "EvaluationPeriods", "Threshold",
                                                          "ComparisonOperator", "TreatMissingData", "AlarmActions", "OKActions")},
                             {"Namespace": "Bookstore", "Statistic": "Average", "Period": 60, "EvaluationPeriods": 2, "Threshold": 1.0,
                              "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching",
                              "AlarmActions": [TOPIC], "OKActions": [TOPIC]})
            self.assertIn(alarm["TreatMissingData"], MISSING_DATA)
            # Without it statistics of all units are looked at, and probes have none.
            self.assertNotIn("Unit", alarm)

    def test_without_topic_there_are_no_actions(self):
        for alarm in self.of_type(self.stack(AlarmTopic=""), "Alarm"):
            self.assertNotIn("AlarmActions", alarm)
            self.assertNotIn("OKActions", alarm)

    def test_dashboard_shows_connectivity_and_fault_windows(self):
        dashboard, = self.of_type(self.stack(Namespace="Chaos/Probe"), "Dashboard")
        body = json.loads(dashboard["DashboardBody"])
        self.assertLessEqual(body.keys(), BODY)
        self.assertIn(body["periodOverride"], ("auto", "inherit"))
        expressions = []
        taken = set()
        for widget in body["widgets"]:
            self.assertEqual(widget.keys(), WIDGET)
            self.assertEqual(widget["type"], "metric")
            cells = {(x, y) for x in range(widget["x"], widget["x"] + widget["width"])
                     for y in range(widget["y"], widget["y"] + widget["height"])}
            self.assertTrue(all(0 <= x < 24 and y >= 0 for x, y in cells))
            self.assertFalse(cells & taken, "widgets overlap")
            taken |= cells
            properties = widget["properties"]
            self.assertLessEqual(properties.keys(), METRIC_WIDGET)
            self.assertEqual(properties["region"], "eu-west-1")
            self.assertIn(properties["view"], ("timeSeries", "singleValue", "gauge", "bar", "pie", "table"))
            self.assertEqual(properties["period"] % 60, 0)
            for metric, in properties["metrics"]:
                self.assertLessEqual(metric.keys(), EXPRESSION)
                self.assertRegex(metric["id"], "^[a-z][A-Za-z0-9_]*$")
                self.assertIn(metric.get("yAxis", "left"), ("left", "right"))
                expressions.append(metric["expression"])
        found = [re.fullmatch(r"SEARCH\('\{(.*)\} MetricName=(.*)', '(Average|Maximum|Sum)', 60\)", each).groups() for each in expressions]
        self.assertIn(('"Chaos/Probe",Host', '("db-connectivity" OR "cdn-connectivity")', "Average"), found)
        for name, statistic in (("FaultActive", "Maximum"), ("LeaseRemaining", "Maximum"), ("FaultsReverted", "Sum")):
            self.assertIn(('"Chaos/Probe",Host,Kind', f'"{name}"', statistic), found)

    def test_what_cannot_be_is_found(self):
        """The checks above do find errors."""
        shape = self.model.operation_model("PutMetricAlarm").input_shape
        good = self.of_type(self.stack(), "Alarm")[0]
        for bad in ({"Statistic": "average"}, {"Period": 0}, {"AlarmName": "x" * 256}, {"Colour": "red"}, {"Threshold": "1"},
                    {"AlarmActions": [TOPIC] * 6}, {"Namespace": ":x"}):
            with self.assertRaises(AssertionError, msg=bad):
                check(shape, {**good, **bad}, "alarm")


class PolicyTest(unittest.TestCase):
    # Condition keys of the service authorization reference.
    CONDITIONS = {"cloudwatch:PutMetricData": {"cloudwatch:namespace"}, "ecs:UpdateContainerInstancesState": {"ecs:cluster"},
                  "ecs:DescribeContainerInstances": {"ecs:cluster"}, "ecs:ListTasks": {"ecs:cluster"}, "ecs:DescribeTasks": {"ecs:cluster"}}
    # Actions that cannot be narrowed to a resource, or not for composite alarms.
    ANY_RESOURCE = {"cloudwatch:PutMetricData", "cloudwatch:DescribeAlarms", "ec2:DescribeTags", "ec2:DescribeSubnets",
                    "ec2:DescribeManagedPrefixLists"}

    @classmethod
    def setUpClass(cls):
        with open(os.path.join(PACKAGING, "iam", "faultd-instance-policy.json"), encoding="utf8") as file:
            cls.policy = json.load(file)
        cls.statements = cls.policy["Statement"]

    @staticmethod
    def actions(statement):
        return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]

    def test_shape(self):
        self.assertEqual(self.policy["Version"], "2012-10-17")
        self.assertEqual(len({statement["Sid"] for statement in self.statements}), len(self.statements))
        for statement in self.statements:
            self.assertLessEqual(statement.keys(), {"Sid", "Effect", "Action", "Resource", "Condition"})
            self.assertRegex(statement["Sid"], "^[A-Za-z0-9]+$")
            self.assertEqual(statement["Effect"], "Allow")

    def test_allows_what_the_agent_calls_and_no_more(self):
        allowed = sorted(action for statement in self.statements for action in self.actions(statement))
        self.assertEqual(allowed, ["cloudwatch:DescribeAlarms", "cloudwatch:PutMetricData", "ec2:DescribeManagedPrefixLists",
                                   "ec2:DescribeSubnets", "ec2:DescribeTags", "ec2:GetManagedPrefixListEntries",
                                   "ecs:DescribeContainerInstances", "ecs:DescribeTasks", "ecs:ListTasks",
                                   "ecs:UpdateContainerInstancesState"])
        for action in allowed:
            name, operation = action.split(":")
            self.assertIn(operation, service(name).operation_names)

    def test_every_action_is_as_narrow_as_it_can_be(self):
        for statement in self.statements:
            keys = {key for operator in statement.get("Condition", {}).values() for key in operator}
            for action in self.actions(statement):
                self.assertEqual(keys, self.CONDITIONS.get(action, set()), action)
                self.assertEqual(statement["Resource"] == "*", action in self.ANY_RESOURCE, action)

    def test_resources_are_those_of_the_cluster(self):
        by_action = {action: statement["Resource"] for statement in self.statements for action in self.actions(statement)}
        instance = "arn:aws:ecs:eu-west-1:123456789012:container-instance/bookstore/0123456789abcdef"
        self.assertTrue(fnmatch.fnmatchcase(instance, by_action["ecs:UpdateContainerInstancesState"]))
        self.assertFalse(fnmatch.fnmatchcase(instance.replace("bookstore", "other"), by_action["ecs:UpdateContainerInstancesState"]))
        task = "arn:aws:ecs:eu-west-1:123456789012:task/bookstore/0123456789abcdef"
        self.assertTrue(fnmatch.fnmatchcase(task, by_action["ecs:DescribeTasks"]))


if __name__ == "__main__":
    unittest.main()
