#!/usr/bin/python3
"""A small AWS on loopback: instance metadata (IMDSv2), the ECS agent, ECS, CloudWatch, EC2 and STS on one port.

    aws_stand_in.py [--port N] [--state JSON]

Prints its URL when it listens. Signatures of ECS, CloudWatch and EC2 calls are recomputed with botocore and refused
when they differ, as are parameters of EC2 that botocore does not know, wrong clocks, unknown keys and expired tokens. What it should do wrong, and what it has seen,
goes over /_/: `GET /_/state` answers with the state below, `POST /_/state` changes members of it, `POST /_/reset`
begins anew, `GET /_/calls` and `GET /_/metrics` list what has come. `faults` maps a service ("ecs", "monitoring", "ec2", "sts", "imds", "agent") to a list
of what happens to its next calls: {"status": 500}, {"code": "ThrottlingException", "status": 400}, {"hang": true},
{"close": true}, {"failures": "INACTIVE"} (in an answer of ECS with status 200), or {} (nothing); with {"for_ever": true}
it happens to all of them.
"""

import argparse
import datetime
import email.utils
import functools
import json
import re
import sys
import threading
import urllib.parse
import uuid
import xml.sax.saxutils
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.auth
import botocore.parsers
import botocore.serialize
import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCOUNT = "123456789012"
MAX_SKEW = 300  # seconds
ECS_TARGET = "AmazonEC2ContainerServiceV20141113."

@functools.cache
def ec2_model():
    """Only when it is asked for: it is large, and not on machines that do without botocore's data."""
    return botocore.session.get_session().get_service_model("ec2")


lock = threading.RLock()
calls = []
state = {
    "region": "eu-west-1",
    "instance_id": "i-0123456789abcdef0",
    "role": "web",
    "credentials_code": "Success",
    "credentials_life": 21600,  # seconds
    "key_number": 1,  # of the key that is given out; another number, another key
    "expired_keys": [],
    "metadata_tags": True,  # the instance metadata has tags
    "name_tag": "web-1",
    "clock_offset": 0,  # seconds that the services are ahead of this host
    "cluster": "prod",
    "registered": True,
    "instance_status": "ACTIVE",
    "tasks": ["web", "batch"],
    "standalone": [],  # of the tasks, those that belong to no service
    "alarms": {},  # {name: {"state": "OK", "reason": "...", "composite": False}}, all but the name optional
    "mac": "0a:1b:2c:3d:4e:5f",
    "vpc": "vpc-0123456789abcdef0",
    "zone_id": "euw1-az2",
    "subnets": [],  # {"vpc": "vpc-...", "zone": "eu-west-1a", "zone_id": "euw1-az2", "cidr": "10.0.0.0/20", "ipv6": ["..."]}, the last two optional
    "prefix_lists": {},  # {"com.amazonaws.eu-west-1.s3": ["52.218.0.0/17"]}
    "ec2_page": 1000,  # items on a page of EC2's answers at most
    "denied": [],  # actions, "ecs:DescribeContainerInstances"
    "spot_action": None,
    "lifecycle_state": None,
    "faults": {},
}
initial_state = json.dumps(state)
metrics = []  # {"Namespace", "MetricName", "Dimensions", "Timestamp", "Values", "Counts", "Unit"}
tokens = set()


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def now():
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=state["clock_offset"])


def key_id():
    return f"ASIAEXAMPLE{state['key_number']}"


def key_of(name):
    """The secret and the token of an access key."""
    return f"secret of {name}", f"token+of/{name}=="


def instance_arn():
    return f"arn:aws:ecs:{state['region']}:{ACCOUNT}:container-instance/{state['cluster']}/{'0123456789abcdef' * 2}"


def task_arn(name):
    return f"arn:aws:ecs:{state['region']}:{ACCOUNT}:task/{state['cluster']}/{uuid.uuid5(uuid.NAMESPACE_DNS, name).hex}"


def check_signature(handler, body):
    """The service that a request is signed for; raises Refused unless botocore signs it the same way."""
    given = handler.headers.get("Authorization", "")
    parts = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9]+)/aws4_request, ?"
        r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})", given)
    if not parts:
        raise Refused(403, "MissingAuthenticationToken", "the request is not signed")
    name, _, region, service, signed, _ = parts.groups()
    sent = datetime.datetime.strptime(handler.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs((now() - sent).total_seconds()) > MAX_SKEW:
        raise Refused(403, "RequestTimeTooSkewed" if service != "ecs" else "InvalidSignatureException",
                      f"Signature not yet current or expired: {sent} is not near {now()}")
    if region != state["region"]:
        raise Refused(403, "SignatureDoesNotMatch", f"Credential should be scoped to {state['region']}")
    secret, token = key_of(name)
    if not name.startswith("ASIAEXAMPLE"):
        raise Refused(403, "InvalidClientTokenId", "The security token included in the request is invalid.")

    class Then(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return sent.replace(tzinfo=None)

    class Module:
        datetime = Then

    host = handler.headers["Host"]
    request = AWSRequest(method=handler.command, url=f"http://{host}{handler.path}", data=body)
    for header in signed.split(";"):
        if header not in ("host", "x-amz-date", "x-amz-security-token"):
            request.headers.add_header(header, handler.headers[header])
    botocore.auth.datetime = Module
    botocore.auth.SigV4Auth(Credentials(name, secret, token), service, region).add_auth(request)
    if re.sub(", *", ",", request.headers["Authorization"]) != re.sub(", *", ",", given):
        raise Refused(403, "SignatureDoesNotMatch", f"botocore signs {request.headers['Authorization']}, got {given}")
    if handler.headers["X-Amz-Security-Token"] != token:
        raise Refused(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    if name in state["expired_keys"]:
        raise Refused(400, "ExpiredTokenException" if service == "ecs" else "ExpiredToken",
                      "The security token included in the request is expired")
    return service


def check_allowed(action):
    if action in state["denied"]:
        raise Refused(400 if action.startswith("ecs:") else 403,
                      "AccessDeniedException" if action.startswith("ecs:") else
                      "UnauthorizedOperation" if action.startswith("ec2:") else "AccessDenied",
                      f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{state['role']}/{state['instance_id']} is not authorized to perform: {action}")


def metadata(path):
    tree = {
        "meta-data/instance-id": state["instance_id"],
        "meta-data/placement/region": state["region"],
        "meta-data/placement/availability-zone-id": state["zone_id"],
        "meta-data/mac": state["mac"],
        f"meta-data/network/interfaces/macs/{state['mac']}/vpc-id": state["vpc"],
        "meta-data/instance-life-cycle": "spot" if state["spot_action"] else "on-demand",
        "meta-data/spot/instance-action": state["spot_action"] and json.dumps(state["spot_action"]),
        "meta-data/autoscaling/target-lifecycle-state": state["lifecycle_state"],
        "meta-data/tags/instance/Name": state["name_tag"] if state["metadata_tags"] else None,
        "meta-data/iam/security-credentials/": state["role"],
    }
    if state["role"] and path == f"meta-data/iam/security-credentials/{state['role']}":
        if state["credentials_code"] != "Success":
            return json.dumps({"Code": state["credentials_code"], "Message": "EC2 cannot assume the role"})
        secret, token = key_of(key_id())
        expiration = now() + datetime.timedelta(seconds=state["credentials_life"])
        return json.dumps({"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": key_id(), "SecretAccessKey": secret,
                           "Token": token, "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ")})
    return tree.get(path)


def container_instance():
    return {"containerInstanceArn": instance_arn(), "ec2InstanceId": state["instance_id"],
            "status": state["instance_status"], "agentConnected": True, "runningTasksCount": len(state["tasks"]),
            "pendingTasksCount": 0, "registeredAt": 1700000000.5}


def group_of(task):
    return f"family:{task}" if task in state["standalone"] else f"service:{task}"


def ecs(action, arguments):
    check_allowed(f"ecs:{action}")
    if arguments.get("cluster") != state["cluster"]:
        raise Refused(400, "ClusterNotFoundException", "Cluster not found.")
    if action in ("DescribeContainerInstances", "UpdateContainerInstancesState"):
        answer = {"containerInstances": [], "failures": []}
        for instance in arguments["containerInstances"]:
            if instance not in (instance_arn(), instance_arn().rsplit("/")[-1]):
                answer["failures"].append({"arn": instance, "reason": "MISSING"})
                continue
            if action.startswith("Update"):
                if arguments["status"] not in ("ACTIVE", "DRAINING"):
                    raise Refused(400, "InvalidParameterException", "status must be ACTIVE or DRAINING")
                state["instance_status"] = arguments["status"]
            answer["containerInstances"].append(container_instance())
        return answer
    if action == "ListTasks":
        first = int(arguments.get("nextToken", 0))
        size = arguments.get("maxResults", 100)
        arns = [task_arn(name) for name in state["tasks"]] if arguments.get("desiredStatus", "RUNNING") == "RUNNING" else []
        answer = {"taskArns": arns[first:first + size]}
        if first + size < len(arns):
            answer["nextToken"] = str(first + size)
        return answer
    if action == "DescribeTasks":
        known = {task_arn(name): name for name in state["tasks"]}
        return {"tasks": [{"taskArn": arn, "group": group_of(known[arn]), "lastStatus": "RUNNING",
                           "desiredStatus": "RUNNING"} for arn in arguments["tasks"] if arn in known],
                "failures": [{"arn": arn, "reason": "MISSING"} for arn in arguments["tasks"] if arn not in known]}
    raise Refused(400, "InvalidAction", f"{action} is not known here")


def members(form, prefix):
    """The values below prefix.member.1, prefix.member.2, ..., which must be contiguous."""
    result = []
    while any(name == f"{prefix}.member.{len(result) + 1}" or name.startswith(f"{prefix}.member.{len(result) + 1}.")
              for name in form):
        result.append(f"{prefix}.member.{len(result) + 1}")
    return result


def datum(form, prefix, namespace):
    def invalid(message):
        return Refused(400, "InvalidParameterValue", f"The value for parameter {prefix} is invalid: {message}")

    name = form.get(f"{prefix}.MetricName", "")
    if not 1 <= len(name) <= 255:
        raise invalid("MetricName")
    dimensions = {}
    for member in members(form, f"{prefix}.Dimensions"):
        key, value = form.get(f"{member}.Name", ""), form.get(f"{member}.Value", "")
        if not key.isascii() or not 1 <= len(key) <= 255 or key.startswith(":"):
            raise invalid(f"dimension name {key!r}")
        if not value.isascii() or not value.isprintable() or not value.strip() or len(value) > 1024:
            raise invalid(f"dimension value {value!r}")
        dimensions[key] = value
    if len(dimensions) > 30:
        raise invalid("more than 30 dimensions")
    values = [float(form[member]) for member in members(form, f"{prefix}.Values")]
    counts = [float(form[member]) for member in members(form, f"{prefix}.Counts")] or [1.0] * len(values)
    if len(values) > 150 or len(values) != len(counts) or len(set(values)) != len(values):
        raise invalid(f"{len(values)} values, {len(counts)} counts")
    if (f"{prefix}.Value" in form) == bool(values):
        raise Refused(400, "InvalidParameterCombination", "one of Value and Values must be given")
    if not values:
        values, counts = [float(form[f"{prefix}.Value"])], [1.0]
    if any(value != value or abs(value) > 2**360 for value in values):
        raise invalid("a value is out of range")
    timestamp = form.get(f"{prefix}.Timestamp", now().strftime("%Y-%m-%dT%H:%M:%SZ"))
    at = datetime.datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    if not now() - datetime.timedelta(days=14) <= at <= now() + datetime.timedelta(hours=2):
        raise invalid("Timestamp")
    return {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions,
            "Timestamp": timestamp, "Values": values, "Counts": counts,
            "Unit": form.get(f"{prefix}.Unit", "None"),
            "StorageResolution": int(form.get(f"{prefix}.StorageResolution", 60))}


def describe_alarms(form):
    names = [form[member] for member in members(form, "AlarmNames")]
    types = [form[member] for member in members(form, "AlarmTypes")] or ["MetricAlarm"]
    most = int(form.get("MaxRecords", 50))
    if len(names) > 100 or not 1 <= most <= 100 or not set(types) <= {"MetricAlarm", "CompositeAlarm"}:
        raise Refused(400, "ValidationError", f"{len(names)} names, at most {most} of {types}")
    first = int(form.get("NextToken", 0))
    found = [(name, alarm) for name, alarm in sorted(state["alarms"].items())
             if (not names or name in names) and ("CompositeAlarm" if alarm.get("composite") else "MetricAlarm") in types
             and form.get("StateValue", alarm.get("state", "OK")) == alarm.get("state", "OK")]
    lists = {"MetricAlarms": "", "CompositeAlarms": ""}
    for name, alarm in found[first:first + most]:
        fields = {"AlarmName": name, "AlarmArn": f"arn:aws:cloudwatch:{state['region']}:{ACCOUNT}:alarm:{name}",
                  "StateValue": alarm.get("state", "OK"), "StateReason": alarm.get("reason", "Threshold Crossed"),
                  "StateUpdatedTimestamp": now().strftime("%Y-%m-%dT%H:%M:%S.000Z")}
        lists["CompositeAlarms" if alarm.get("composite") else "MetricAlarms"] += "<member>" + "".join(
            f"<{field}>{xml.sax.saxutils.escape(value)}</{field}>" for field, value in fields.items()) + "</member>"
    more = f"<NextToken>{first + most}</NextToken>" if first + most < len(found) else ""
    return ('<DescribeAlarmsResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><DescribeAlarmsResult>'
            + "".join(f"<{kind}>{members_xml}</{kind}>" for kind, members_xml in lists.items())
            + f"{more}</DescribeAlarmsResult><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
            "</DescribeAlarmsResponse>")


def cloudwatch(form, size):
    action = form.get("Action")
    check_allowed(f"cloudwatch:{action}")
    if action == "DescribeAlarms" and form.get("Version") == "2010-08-01":
        return describe_alarms(form)
    if action != "PutMetricData" or form.get("Version") != "2010-08-01":
        raise Refused(400, "InvalidAction", f"{action} is not known here")
    namespace = form.get("Namespace", "")
    if not 1 <= len(namespace) <= 255 or namespace.startswith((":", "AWS/")):
        raise Refused(400, "InvalidParameterValue", "The value for parameter Namespace is invalid.")
    if size > 1_000_000:
        raise Refused(413, "RequestEntityTooLarge", "the request is larger than 1 MB")
    prefixes = [f"MetricData.member.{n}" for n in range(1, 1 + len({name.split(".")[2] for name in form
                                                                    if name.startswith("MetricData.member.")}))]
    if not 1 <= len(prefixes) <= 1000:
        raise Refused(400, "InvalidParameterValue", f"{len(prefixes)} metrics")
    by_prefix = {}
    for name, value in form.items():
        by_prefix.setdefault(".".join(name.split(".")[:3]), {})[name] = value
    metrics.extend([datum(by_prefix.get(prefix, {}), prefix, namespace) for prefix in prefixes])
    return ('<PutMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><ResponseMetadata>'
            f"<RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></PutMetricDataResponse>")


def ec2_xml(shape, value):
    """A value as EC2 writes it, by botocore's description of its shape."""
    if shape.type_name == "structure":
        return "".join(f"<{name}>{ec2_xml(member, value[key])}</{name}>" for key, member in shape.members.items()
                       if key in value for name in [member.serialization.get("name", key)])
    if shape.type_name == "list":
        return "".join(f"<item>{ec2_xml(shape.member, each)}</item>" for each in value)
    return xml.sax.saxutils.escape(str(value))


def prefix_list_id(name):
    return f"pl-{uuid.uuid5(uuid.NAMESPACE_DNS, name).hex[:8]}"


def subnets(filters):
    known = {"vpc-id": "vpc", "availability-zone": "zone", "availability-zone-id": "zone_id"}
    return [{"SubnetId": f"subnet-{n}", "VpcId": each["vpc"], "AvailabilityZone": each["zone"], "AvailabilityZoneId": each["zone_id"],
             "State": "available", **({"CidrBlock": each["cidr"]} if "cidr" in each else {}),
             "Ipv6CidrBlockAssociationSet": [{"AssociationId": f"subnet-cidr-assoc-{n}", "Ipv6CidrBlock": cidr,
                                              "Ipv6CidrBlockState": {"State": "associated"}} for cidr in each.get("ipv6", [])]}
            for n, each in enumerate(state["subnets"]) if all(each[known[name]] in values for name, values in filters.items())]


def prefix_lists(filters):
    return [{"PrefixListId": prefix_list_id(name), "AddressFamily": "IPv6" if ".ipv6." in name else "IPv4", "PrefixListName": name,
             "OwnerId": "AWS"} for name in state["prefix_lists"] if name in filters["prefix-list-name"]]


def prefix_list_entries(wanted):
    for name, cidrs in state["prefix_lists"].items():
        if prefix_list_id(name) == wanted:
            return [{"Cidr": cidr} for cidr in cidrs]
    raise Refused(400, "InvalidPrefixListID.NotFound", f"The prefix list ID '{wanted}' does not exist")


def name_tags(filters):
    if state["name_tag"] is None or filters != {"resource-id": [state["instance_id"]], "key": ["Name"]}:
        return []
    return [{"ResourceId": state["instance_id"], "ResourceType": "instance", "Key": "Name", "Value": state["name_tag"]}]


EC2_ACTIONS = {  # the list in the answer, most items on a page, its items
    "DescribeTags": ("Tags", 1000, lambda arguments: name_tags(arguments["filters"])),
    "DescribeSubnets": ("Subnets", 1000, lambda arguments: subnets(arguments["filters"])),
    "DescribeManagedPrefixLists": ("PrefixLists", 100, lambda arguments: prefix_lists(arguments["filters"])),
    "GetManagedPrefixListEntries": ("Entries", 100, lambda arguments: prefix_list_entries(arguments["PrefixListId"])),
}


def ec2(form):
    action = form.get("Action")
    check_allowed(f"ec2:{action}")
    if action not in EC2_ACTIONS:
        raise Refused(400, "InvalidAction", f"{action} is not known here")
    key, largest, find = EC2_ACTIONS[action]
    filters = {}
    for name, value in form.items():
        if parts := re.fullmatch(r"Filter\.(\d+)\.Value\.\d+", name):
            filters.setdefault(form[f"Filter.{parts[1]}.Name"], []).append(value)
    arguments = {name: form[name] for name in ("PrefixListId", "NextToken") if name in form}
    if filters:
        arguments["Filters"] = [{"Name": name, "Values": values} for name, values in filters.items()]
    if "MaxResults" in form:
        arguments["MaxResults"] = int(form["MaxResults"])
    operation = ec2_model().operation_model(action)
    # Refuses what the API does not know, and leaves no parameter aside.
    expected = botocore.serialize.create_serializer("ec2").serialize_to_request(arguments, operation)["body"]
    if form != {name: str(value) for name, value in expected.items()} or arguments.get("MaxResults", 5) > largest:
        raise Refused(400, "InvalidParameterValue", f"botocore sends {expected}, got {form}")
    found = find({**arguments, "filters": filters})
    first, size = int(form.get("NextToken", 0)), min(arguments.get("MaxResults", largest), state["ec2_page"])
    answer = {key: found[first:first + size], **({"NextToken": str(first + size)} if first + size < len(found) else {})}
    text = (f'<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>{uuid.uuid4()}</requestId>'
            f"{ec2_xml(operation.output_shape, answer)}</{action}Response>")
    parsed = botocore.parsers.create_parser("ec2").parse({"body": text.encode(), "headers": {}, "status_code": 200}, operation.output_shape)
    if {name: value for name, value in parsed.items() if name != "ResponseMetadata"} != answer:
        raise Refused(500, "InternalFailure", f"botocore reads {parsed}, not {answer}")
    return text


def caller_identity():
    return ('<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
            f"<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/{state['role']}/{state['instance_id']}</Arn>"
            f"<UserId>AROAEXAMPLE:{state['instance_id']}</UserId><Account>{ACCOUNT}</Account>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>")


def sts(form):
    if form.get("Action") != "AssumeRoleWithWebIdentity" or not form.get("WebIdentityToken"):
        raise Refused(400, "InvalidIdentityToken", "No token")
    secret, token = key_of(key_id())
    expiration = (now() + datetime.timedelta(seconds=state["credentials_life"])).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ('<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{key_id()}</AccessKeyId>"
            f"<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
            f"<Expiration>{expiration}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
            "</AssumeRoleWithWebIdentityResponse>")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return email.utils.format_datetime(now(), usegmt=True)

    def answer(self, status, body, kind="text/plain", headers=()):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, service, refused):
        if service == "ecs":
            return self.answer(refused.status, json.dumps({"__type": refused.code, "message": refused.message}),
                               "application/x-amz-json-1.1")
        message = refused.message.replace("&", "&amp;").replace("<", "&lt;")
        error = f"<Code>{refused.code}</Code><Message>{message}</Message>"
        if service == "ec2":
            body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{uuid.uuid4()}</RequestID></Response>"
        else:
            body = (f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error>"
                    f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>")
        return self.answer(refused.status, body, "text/xml")

    def fault(self, service):
        """Does what the next entry of faults says; whether that was the answer."""
        with lock:
            waiting = state["faults"].get(service)
            if not waiting:
                return False
            entry = waiting[0] if waiting[0].get("for_ever") else waiting.pop(0)
        if not entry:
            return False
        if "failures" in entry:
            failures = [{"arn": instance_arn(), "reason": entry["failures"]}]
            self.answer(200, json.dumps({"containerInstances": [], "failures": failures}), "application/x-amz-json-1.1")
            return True
        if entry.get("hang"):
            self.rfile.read(1)  # until the client has had enough
        if entry.get("hang") or entry.get("close"):
            self.close_connection = True
            return True
        self.refuse(service, Refused(entry.get("status", 500), entry.get("code", "InternalFailure"), "as told"))
        return True

    def control(self, body):
        with lock:
            if self.path == "/_/reset":
                calls.clear()
                metrics.clear()
                body = initial_state
            if self.command == "POST":
                state.update(json.loads(body))
            answers = {"/_/state": state, "/_/reset": state, "/_/calls": calls, "/_/metrics": metrics}
            self.answer(200, json.dumps(answers[self.path]), "application/json")

    def instance_metadata(self):
        path = self.path.removeprefix("/latest/")
        if self.command == "PUT" and path == "api/token":
            ttl = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            if not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
                return self.answer(400, "")
            if "X-Forwarded-For" in self.headers:
                return self.answer(403, "")
            token = uuid.uuid4().hex
            tokens.add(token)
            return self.answer(200, token, headers=[("X-aws-ec2-metadata-token-ttl-seconds", ttl)])
        if self.headers.get("X-aws-ec2-metadata-token") not in tokens:
            return self.answer(401, "")
        value = metadata(path)
        return self.answer(404, "") if value is None else self.answer(200, value)

    def agent(self):
        if self.path != "/v1/metadata":
            return self.answer(404, "{}")
        return self.answer(200, json.dumps({"Cluster": state["cluster"],
                                            "ContainerInstanceArn": instance_arn() if state["registered"] else None,
                                            "Version": "Amazon ECS Agent - v1.105.1 (stand-in)"}), "application/json")

    def api(self, body):
        service = "sts"
        try:
            form = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
            if form.get("Action") != "AssumeRoleWithWebIdentity":
                named = re.search(r"Credential=[^/]+/\d+/[^/]+/([a-z0-9]+)/", self.headers.get("Authorization", ""))
                service = named[1] if named else "ecs"
            target = self.headers.get("X-Amz-Target", "")
            action = form.get("Action") or target.removeprefix(ECS_TARGET)
            with lock:
                calls.append({"service": service, "action": action})
            if self.fault(service):
                return None
            with lock:
                # Whoever asks for credentials has none to sign with.
                if service == "sts" and action != "GetCallerIdentity":
                    return self.answer(200, sts(form), "text/xml")
                check_signature(self, body)
                if service == "sts":
                    return self.answer(200, caller_identity(), "text/xml")
                if service == "ecs":
                    return self.answer(200, json.dumps(ecs(action, json.loads(body))), "application/x-amz-json-1.1")
                return self.answer(200, cloudwatch(form, len(body)) if service == "monitoring" else ec2(form), "text/xml")
        except Refused as refused:
            return self.refuse(service, refused)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/_/"):
            return self.control(body)
        if self.path.startswith("/latest/"):
            return self.fault("imds") or self.instance_metadata()
        if self.path.startswith("/v1/"):
            return self.fault("agent") or self.agent()
        return self.api(body)

    do_GET = do_POST = do_PUT = handle_any


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=json.loads, default={}, help="members of the state to begin with")
    options = parser.parse_args()
    state.update(options.state)
    server = Server(("127.0.0.1", options.port), Handler)
    # Whoever has started it goes away with the other end of the pipe.
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
