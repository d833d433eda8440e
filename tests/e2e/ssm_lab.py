"""An SSM document under way, run by scripts/ssm-run against the daemon of a test."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile

import lab
from lab import wait_for

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
LONGEST_OUTPUT = 2500


class Command:
    def __init__(self, daemon, name, *arguments):
        self.daemon = daemon
        self.directory = tempfile.mkdtemp(prefix="command-", dir=daemon.directory)
        environment = {**os.environ, "PATH": f"{lab.BIN}:{os.environ['PATH']}", "FAULTD_ADDRESS": f"unix:{daemon.socket}",
                       "TMPDIR": self.directory}
        self.process = subprocess.Popen(
            [os.path.join(ROOT, "scripts", "ssm-run"), "--json", os.path.join(ROOT, "packaging", "ssm", f"Faultd-{name}.yaml"), *arguments],
            stdout=subprocess.PIPE, text=True, env=environment)

    def active(self):
        """The fault of the command, once it is active and the script has said so: a script that is cancelled says no more."""
        def faults():
            return [fault for fault in self.daemon.list() if fault.state == lab.ACTIVE]

        wait_for(lambda: (faults() and self.said()) or self.process.poll() is not None,
                 "the fault is active and the script has said so, or the command is over")
        if self.process.poll() is not None:
            raise AssertionError(f"the command is over: {self.process.stdout.read()}")
        fault, = faults()
        return fault

    def said(self):
        """What the script has printed up to now, as far as ssm-run still keeps it."""
        texts = []
        for path in pathlib.Path(self.directory).glob("ssm-run-*/stdout"):
            with contextlib.suppress(FileNotFoundError):  # the command is over
                texts.append(path.read_text(encoding="utf8"))
        return "".join(texts)

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
