"""An SSM document under way, run by scripts/ssm-run against the daemon of a test."""

import json
import os
import signal
import subprocess

import lab
from lab import wait_for

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
LONGEST_OUTPUT = 2500


class Command:
    def __init__(self, daemon, name, *arguments):
        self.daemon = daemon
        environment = {**os.environ, "PATH": f"{lab.BIN}:{os.environ['PATH']}", "FAULTD_ADDRESS": f"unix:{daemon.socket}"}
        self.process = subprocess.Popen(
            [os.path.join(ROOT, "scripts", "ssm-run"), "--json", os.path.join(ROOT, "packaging", "ssm", f"Faultd-{name}.yaml"), *arguments],
            stdout=subprocess.PIPE, text=True, env=environment)

    def active(self):
        """The fault of the command, once it is active."""
        def faults():
            return [fault for fault in self.daemon.list() if fault.state == lab.ACTIVE]

        wait_for(lambda: faults() or self.process.poll() is not None, "the fault is active, or the command is over")
        if self.process.poll() is not None:
            raise AssertionError(f"the command is over: {self.process.stdout.read()}")
        fault, = faults()
        return fault

    def cancel(self):
        self.process.send_signal(signal.SIGINT)
        return self.result()

    def result(self):
        """What ssm-run says of it, with the lines of its output as objects; nothing of it is left then."""
        result = json.loads(self.process.communicate(timeout=60)[0])
        if result["status"] == "Refused":
            raise AssertionError(result["error"])
        if len(result["output"]) >= LONGEST_OUTPUT:
            raise AssertionError(f"SSM would cut {len(result['output'])} characters")
        result["lines"] = [json.loads(line) for line in result["stdout"].splitlines()]
        wait_for(lambda: not self.daemon.list() and not self.daemon.records(), "the fault is reverted")
        return result
