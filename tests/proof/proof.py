#!/usr/bin/python3
"""The host is back: random sequences of requests and terrible things, and a look at everything afterwards.

    tests/e2e/run BUILD --program ../proof/proof.py [OPTION...]     (tests/README.md)
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e")]

LONGEST_JOB = 600  # seconds


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, help="how many; default: until the time is over, or 100")
    parser.add_argument("--seconds", type=float, help="how long new ones are begun")
    parser.add_argument("--seed", type=int, help="of the first one, others count up from it; default: a random one")
    parser.add_argument("--jobs", type=int, default=4, help="hosts side by side (default 4)")
    parser.add_argument("--steps", help="run this sequence, as JSON, instead of those from seeds; --sequences times (default 1)")
    parser.add_argument("--kinds", help="kinds of faults, with commas; default: all that this kernel can do")
    parser.add_argument("--steering", choices=("nftables", "flower"), help="how packets are told apart; default: what the daemon chooses")
    parser.add_argument("--every-operation", action="store_true", help="die and fail at each operation in turn instead")
    parser.add_argument("--operations", help="with it: of these classes only (file, netlink, receive, process, watch; with commas)")
    parser.add_argument("--systemd", action="store_true", help="this machine is the host, with the service of the package")
    parser.add_argument("--no-shrink", action="store_true", help="do not look for the shortest sequence that fails")
    parser.add_argument("--verbose", action="store_true", help="print the daemon's log of failures")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.systemd and chosen.steering:
        parser.error("--steering is not for --systemd, whose service has the configuration of its package")
    return chosen


# A worker: one host, in namespaces of its own.


def host_types(systemd):
    """Of the host, of what its steps do, and of what makes them up."""
    if systemd:
        from systemd_host import SystemdGenerator, SystemdHost, SystemdSteps

        return SystemdHost, SystemdSteps, SystemdGenerator
    from host import Host
    from sequence import Generator
    from steps import Steps

    return Host, Steps, Generator


def run_steps(host, steps_type, steps):
    import snapshot

    before = host.known or host.take()
    running = steps_type(host, steps)
    running.run()
    after = host.take()
    log = host.log()
    problems = running.problems + crashes(log, steps) + snapshot.differences(host.expected(before), after)
    # A look at the end of one is one at the beginning of the next, unless there is something to put back between them.
    host.known = after if host.foreign is None and not problems else None
    host.tidy()
    return {"problems": problems, "log": log if problems else "", **running.figures}


def crashes(log, steps):
    """What only a fault of ours can be the cause of, or a sanitizer has seen. Most processes are killed, so their status tells nothing."""
    lines = re.findall(r"(?m)^.*(?:Sanitizer: |: runtime error: |terminate called|Assertion|ASSERT|assertion).*", log)
    if any(word in json.dumps(steps) for word in ('"SEGV"', '"crash"')):
        # The nested bug is a second signal, while the sanitizer tells of the first.
        lines = [line for line in lines if not re.search("Sanitizer: (SEGV|nested bug in the same thread)", line)]
    return lines


def work(chosen):
    import lab
    from host import LONGEST

    host_type, steps_type, _ = host_types(chosen.systemd)
    host = host_type() if chosen.systemd else host_type(chosen.steering)
    try:
        host.start()
        state = lab.agent_pb.Capability.State
        agent = host.stubs.agents.GetAgent(lab.agent_pb.GetAgentRequest(), timeout=LONGEST, wait_for_ready=True).agent
        # The ECS agent's stand-in comes when it is needed.
        able = [each.kind for each in agent.capabilities
                if each.state in (state.AVAILABLE, state.LIMITED) or each.kind == "ecs_drain"]
        host.stop_all()
        print(json.dumps({"kinds": able}), flush=True)
        for line in sys.stdin:
            print(json.dumps(run_steps(host, steps_type, json.loads(line))), flush=True)
    finally:
        host.close()


# The one that gives out the work.


class Worker:
    def __init__(self, chosen):
        command = [sys.executable, "-B", __file__, "--worker"]
        if chosen.steering:
            command += ["--steering", chosen.steering]
        if chosen.systemd:
            command.append("--systemd")
        else:
            command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *command]
        self.process = subprocess.Popen(command,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.errors = []
        threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True).start()
        self.kinds = self.answer().get("kinds", [])

    def answer(self):
        alarm = threading.Timer(LONGEST_JOB, self.process.kill)
        alarm.start()
        line = self.process.stdout.readline()
        alarm.cancel()
        if line:
            return json.loads(line)
        self.process.wait()
        time.sleep(0.1)
        return {"problems": ["the harness ended or hung: " + "".join(self.errors[-15:])], "log": ""}

    def run(self, steps):
        with contextlib.suppress(BrokenPipeError):  # it has ended, and has said why
            self.process.stdin.write(json.dumps(steps) + "\n")
            self.process.stdin.flush()
        return self.answer()

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Proof:
    def __init__(self, chosen):
        self.chosen = chosen
        self.lock = threading.Lock()
        self.done, self.failed = 0, []
        self.fired = 0  # sequences in which trouble at an operation came about
        self.began = time.monotonic()

    def over(self):
        return self.chosen.seconds is not None and time.monotonic() - self.began >= self.chosen.seconds

    def serve(self, jobs):
        """Takes jobs, pairs of a name and a list of steps or a function from kinds to it, until there are none."""
        worker = None
        while not self.over():
            with self.lock:
                job = next(jobs, None)
            if job is None:
                break
            name, steps = job
            worker = worker or Worker(self.chosen)
            if worker.kinds:
                if callable(steps):
                    steps = steps(self.chosen.kinds.split(",") if self.chosen.kinds else worker.kinds)
                result = worker.run(steps)
            else:
                steps, result = [], worker.answer()
            if result["problems"]:
                # What is wrong on this host now stays with it.
                worker.close()
                worker = None
                self.report(name, steps, result)
            with self.lock:
                self.done += 1
                self.fired += result.get("fired", 0)
                if self.done % 100 == 0:
                    print(f"{self.done} sequences, {len(self.failed)} failed, {time.monotonic() - self.began:.0f} s", flush=True)
        if worker:
            worker.close()

    def report(self, name, steps, result):
        with self.lock:
            self.failed.append(name)
            print(f"FAILED {name}:", *result["problems"][:20], sep="\n  ")
            print("  all steps:", *steps, sep="\n    ", flush=True)
            if self.chosen.verbose:
                print(result["log"], flush=True)
        shortest = steps if self.chosen.no_shrink else self.shrink(steps)
        steering = ["--steering", self.chosen.steering] if self.chosen.steering else []
        with self.lock:
            print(f"  reproduce {name} with: tests/e2e/run BUILD --program ../proof/proof.py",
                  shlex.join([*steering, "--steps", json.dumps(shortest)]), flush=True)

    def shrink(self, steps):
        import sequence

        def fails(candidate):
            worker = Worker(self.chosen)
            result = worker.run(candidate)
            worker.close()
            return bool(result["problems"])

        return sequence.shrink(steps, fails) if fails(steps) else steps

    def run(self, jobs):
        threads = [threading.Thread(target=self.serve, args=(jobs,)) for _ in range(self.chosen.jobs)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            # Workers end when nobody is left to give them work.
            os._exit(130)
        print(f"{self.done} sequences, {len(self.failed)} failed{': ' if self.failed else ''}{', '.join(self.failed)}; "
              f"an operation died or failed in {self.fired}; {time.monotonic() - self.began:.0f} s")
        return 1 if self.failed or self.done == 0 else 0


def random_jobs(chosen):
    generator_type = host_types(chosen.systemd)[2]
    first = chosen.seed if chosen.seed is not None else secrets.randbelow(10**9)
    print(f"seeds from {first}", flush=True)
    numbers = itertools.count(first) if chosen.sequences is None else range(first, first + chosen.sequences)
    return ((f"seed {seed}", lambda kinds, seed=seed: generator_type(seed, kinds).steps()) for seed in numbers)


def main():
    chosen = options()
    if chosen.worker:
        return work(chosen)
    if chosen.systemd:
        chosen.jobs = 1
    if chosen.steps:
        times = chosen.sequences or 1
        chosen.jobs = min(chosen.jobs, times)
        return Proof(chosen).run(iter([("the sequence", json.loads(chosen.steps))] * times))
    if chosen.every_operation:
        import every_operation

        kinds = chosen.kinds.split(",") if chosen.kinds else None
        operations = chosen.operations.split(",") if chosen.operations else None
        return Proof(chosen).run(every_operation.jobs(lambda: Worker(chosen), kinds, operations))
    if chosen.sequences is None and chosen.seconds is None:
        chosen.sequences = 100
    return Proof(chosen).run(random_jobs(chosen))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
