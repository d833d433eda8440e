"""The SSM documents and scripts/ssm-run, for the tests of both."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
DOCUMENTS = os.path.join(ROOT, "packaging", "ssm")
RUN = os.path.join(ROOT, "scripts", "ssm-run")
NAMES = ["CPU-Stress", "Disk-Fill", "ECS-Drain", "IO-Stress", "Memory-Stress", "Network-Blackhole", "Network-Latency",
         "Network-Packet-Loss", "Revert-All", "Status"]

_loader = importlib.machinery.SourceFileLoader("ssm_run", RUN)
ssm_run = importlib.util.module_from_spec(importlib.util.spec_from_loader("ssm_run", _loader))
_loader.exec_module(ssm_run)


def path_of(name):
    return os.path.join(DOCUMENTS, f"Faultd-{name}.yaml")


def load(name):
    return ssm_run.load(path_of(name))


def parameters(name):
    return load(name).get("parameters", {})


def script(name):
    step, = load(name)["mainSteps"]
    return "\n".join(step["inputs"]["runCommand"])


class Stub:
    """A faultctl that writes its words down, as a directory for PATH."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="faultctl-stub-")
        self.words = os.path.join(self.directory.name, "words")
        path = os.path.join(self.directory.name, "faultctl")
        with open(path, "w", encoding="utf8") as file:
            file.write(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >{self.words}\n")
        os.chmod(path, 0o755)
        self.environment = {**os.environ, "PATH": f"{self.directory.name}:{os.environ['PATH']}"}

    def close(self):
        self.directory.cleanup()

    def take(self):
        """The words of the last call, or None where there was none."""
        try:
            with open(self.words, encoding="utf8") as file:
                words = file.read().split("\0")[:-1]
        except FileNotFoundError:
            return None
        os.unlink(self.words)
        return words


def run(document, *arguments, environment=None):
    """The result of ssm-run as an object."""
    done = subprocess.run([RUN, "--json", document, *arguments], capture_output=True, text=True, env=environment)
    if done.stderr:
        raise AssertionError(done.stderr)
    result = json.loads(done.stdout)
    expected = {"Success": 0, "Refused": 2}.get(result["status"], 1)
    if done.returncode != expected:
        raise AssertionError(f"exit code {done.returncode} for {result['status']}")
    return result
