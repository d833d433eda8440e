"""A small orchestrator for faultd, to begin your own with.

It injects the same fault on some of the given hosts, watches a probe on each of them, ends the fault
everywhere when the probe fails too often, when the fault fails on a host, or on Ctrl-C, and prints what
happened:

    python3 orchestrate.py --ca ca.pem --cert ci.pem --key ci.key --count 2 --seconds 60 \\
        --fault '{"latency": {"delay": "0.1s", "target": {"to": [{"host": "10.0.3.7"}]}}}' \\
        --stop-if-probe db:3 db1.example.com:7443 db2.example.com:7443 db3.example.com:7443

A fault is a faultd.v1.FaultSpec in JSON. Every fault is held: it belongs to a stream from here, so it ends
however this program ends, kill -9 and a pulled cable included. Exit status: 0 the lease ended as planned,
1 the fault was ended early, 2 it could not be injected.

Needs grpcio and the Python code that protoc makes of faultd's API; README.md says how.
"""

import argparse
import os
import queue
import random
import signal
import sys
import threading
import uuid

import google
import grpc

# Debian's package "google" does not look for google.rpc beside the generated code by itself.
google.__path__ = [*google.__path__, *(os.path.join(folder, "google") for folder in sys.path)]

from faultd.v1 import fault_pb2, fault_service_pb2, fault_service_pb2_grpc  # noqa: E402
from faultd.v1 import probe_service_pb2, probe_service_pb2_grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402

OVER = (fault_pb2.FAULT_STATE_REVERTED, fault_pb2.FAULT_STATE_FAILED)
# A dead network is noticed after 15 s; the daemon allows a ping every 5 s.
OPTIONS = [("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 5_000), ("grpc.http2.max_pings_without_data", 0)]


class Host:
    """One faultd. What it tells arrives in `events`, which all hosts share, as (host, message)."""

    def __init__(self, address, credentials, events):
        self.name, self.events = address, events
        self.requests = queue.Queue()  # to the stream that holds the fault; None ends it
        self.fault = None  # as it was seen last
        self.error = None  # why there is none
        self.ended = False  # the stream that holds it
        if address.startswith("unix:"):
            self.channel = grpc.insecure_channel(address)
        else:
            self.channel = grpc.secure_channel(address, credentials, options=OPTIONS)

    def hold(self, request):
        """Injects the fault. It lives as long as this stream: until release, or until this program ends."""
        self.requests.put(fault_service_pb2.HoldFaultRequest(inject=request))
        stream = fault_service_pb2_grpc.FaultServiceStub(self.channel).HoldFault(iter(self.requests.get, None))
        self._read(stream, last=True)

    def watch_probes(self):
        self._read(probe_service_pb2_grpc.ProbeServiceStub(self.channel).WatchProbes(probe_service_pb2.WatchProbesRequest()))

    def release(self):
        """Asks for the end of the fault; the stream goes on until it is seen gone."""
        self.requests.put(None)

    def _read(self, stream, last=False):
        def read():
            try:
                for message in stream:
                    self.events.put((self, message))
            except grpc.RpcError as error:
                self.events.put((self, error))
            if last:
                self.events.put((self, None))
        threading.Thread(target=read, daemon=True).start()

    @property
    def active(self):
        return self.fault is not None and self.fault.state == fault_pb2.FAULT_STATE_ACTIVE

    def outcome(self):
        if self.fault is None:
            return f"not injected: {self.error or 'stopped before'}"
        if self.fault.state not in OVER:
            return "lost: the daemon ends it when its grace is over"
        return f"{fault_pb2.FaultState.Name(self.fault.state)}, {fault_pb2.EndReason.Name(self.fault.end_reason)}"


class Experiment:
    """The same fault on several hosts: begins on all, ends on all."""

    def __init__(self, hosts, events, probe, failures):
        self.hosts, self.events = hosts, events
        self.probe, self.failures = probe, failures
        self.in_a_row = dict.fromkeys(hosts, 0)
        self.was_active = set()
        self.stopped = None  # why it was ended early

    def run(self, request):
        for host in self.hosts:
            host.hold(request)
            if self.probe:
                host.watch_probes()
        while not all(host.ended for host in self.hosts):
            self.take(*self.events.get())

    def take(self, host, message):
        if host is None:
            self.stop(message)
        elif message is None:
            host.ended = True
            if self.stopped is None and host.fault is not None and host.fault.end_reason != fault_pb2.END_REASON_LEASE_ENDED:
                self.stop(f"it ended on {host.name}")
        elif isinstance(message, grpc.RpcError):
            host.error = message.details()
            if host.fault is None or host.active:
                self.stop(f"{host.name}: {host.error}")
        elif isinstance(message, fault_service_pb2.HoldFaultResponse):
            self.take_fault(host, message.fault)
        elif message.HasField("result") and message.result.probe == self.probe:
            self.take_result(host, message.result)

    def take_fault(self, host, fault):
        host.fault = fault
        if host.active and host not in self.was_active:
            self.was_active.add(host)
            say(f"{host.name}: active: {fault.summary}")
            if len(self.was_active) == len(self.hosts):
                say("active everywhere")

    def take_result(self, host, result):
        self.in_a_row[host] = 0 if result.up else self.in_a_row[host] + 1
        if not result.up:
            say(f"{host.name}: probe {self.probe} failed: {result.error}")
        if self.in_a_row[host] == self.failures:
            self.stop(f"probe {self.probe} failed {self.failures} times in a row on {host.name}")

    def stop(self, why):
        if self.stopped is None:
            self.stopped = why
            say(f"stopping: {why}")
            for host in self.hosts:
                host.release()


def say(line):
    print(line, flush=True)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def parse_arguments():
    parser = argparse.ArgumentParser(description="Injects a fault on some hosts and ends it when a probe fails.")
    parser.add_argument("hosts", nargs="+", metavar="HOST:PORT", help="where daemons listen; or unix:PATH")
    parser.add_argument("--count", type=int, help="on how many of the hosts, chosen at random (default: all)")
    parser.add_argument("--fault", required=True, help="what to inject: a FaultSpec in JSON")
    parser.add_argument("--seconds", type=int, default=60, help="the lease (default: 60)")
    parser.add_argument("--stop-if-probe", metavar="NAME[:N]", help="end it when this probe fails N times in a row (default: 3)")
    for name, what in (("ca", "authorities of the daemons' certificates"), ("cert", "certificate of this orchestrator"), ("key", "its key")):
        parser.add_argument(f"--{name}", type=read, metavar="FILE", help=what)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    request = fault_service_pb2.InjectFaultRequest(id=f"orchestrated-{uuid.uuid4().hex[:8]}")
    json_format.Parse(arguments.fault, request.spec)
    request.duration.FromSeconds(arguments.seconds)
    probe, _, failures = (arguments.stop_if_probe or "").partition(":")

    events = queue.Queue()
    credentials = grpc.ssl_channel_credentials(arguments.ca, arguments.key, arguments.cert)
    chosen = random.sample(arguments.hosts, arguments.count or len(arguments.hosts))
    experiment = Experiment([Host(address, credentials, events) for address in chosen], events, probe, int(failures or 3))
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: events.put((None, "by a signal")))

    say(f"{request.id} on {', '.join(chosen)}")
    experiment.run(request)
    for host in experiment.hosts:
        say(f"{host.name}: {host.outcome()}")
    if len(experiment.was_active) < len(chosen):
        return 2
    return 1 if experiment.stopped else 0


if __name__ == "__main__":
    sys.exit(main())
