"""What the steps of a sequence do. Requests may fail, for whatever was done to the daemon before them."""

import contextlib
import itertools
import os
import queue
import re
import signal
import socket
import subprocess
import time

import grpc

import hook
import lab
import snapshot
from host import LONGEST, is_well, state_of

PATIENCE = 3  # seconds for an answer
TROUBLE = {"signal", "signals", "operation", "records", "interface", "stranger", "vandal", "disk", "clock", "second", "start", "terminate", "unread"}
NAMES = {"daemon": "faultd", "guardian": "faultd-guardian", "stress": "faultd-stress"}


class Steps:
    def __init__(self, host, steps):
        self.host = host
        self.list = steps
        self.with_aws = any("ecs_drain" in step for step in steps)
        self.spoilt = any(step[0] == "records" for step in steps)
        self.operations_fail = any(step[0] == "operation" for step in steps)
        self.threads_fail = any(step[:3] == ["operation", "daemon", "process"] for step in map(list, steps))
        self.disk_fails = self.operations_fail or any(step[0] == "disk" for step in steps)
        self.pending, self.holds = [], {}
        self.problems = []
        self.disturbed = False
        self.doomed = []  # processes that were sent a deadly signal
        self.stopped = []  # processes that were made to stand still
        self.figures = {}

    def run(self):
        if self.with_aws:
            self.host.use_aws()
        if any(step[0] == "unread" for step in self.list):
            self.host.use_log_pipe()
        self.host.start(self.with_aws)
        for name, *values in self.list:
            self.disturbed |= name in TROUBLE
            getattr(self, name)(*values)

    def judge(self, error, request):
        """Whoever is refused everything leaves nothing behind either: as long as nothing was done to it, a daemon that is at a
        loss has a fault of its own."""
        if not self.disturbed and error.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN):
            self.problems.append(f"{request.DESCRIPTOR.name} was refused without a cause: {error.details()}")

    def call(self, service, method, request, waits=True):
        if self.host.stubs is None:
            return
        future = getattr(getattr(self.host.stubs, service), method).future(request, timeout=PATIENCE)
        self.pending.append(future)
        if waits:
            with contextlib.suppress(grpc.FutureTimeoutError):
                try:
                    future.result(timeout=PATIENCE)
                except grpc.RpcError as error:
                    self.judge(error, request)

    def spec(self, kind, fields):
        return lab.spec(kind, **{key: self.host.fill if value == "FILL" else value for key, value in fields.items()})

    def inject_request(self, number, lease, kind, fields):
        request = lab.pb.InjectFaultRequest(id=f"fault-{number}", spec=self.spec(kind, fields))
        request.duration.FromNanoseconds(int(lease * 1e9))
        return request

    # Requests.

    def inject(self, number, lease, waits, kind, fields):
        self.call("faults", "InjectFault", self.inject_request(number, lease, kind, fields), waits)

    def crowd(self, first, count, lease):
        for number in range(first, first + count):
            fields = {"to": [f"10.9.{number % 200}.0/30"], "interfaces": ["up0"]}
            self.call("faults", "InjectFault", self.inject_request(number, lease, "blackhole", fields), waits=number == first + count - 1)

    def hold(self, number, lease, grace, kind, fields):
        if self.host.stubs is None:
            return
        request = lab.pb.HoldFaultRequest(inject=self.inject_request(number, lease, kind, fields))
        request.grace.FromNanoseconds(int(grace * 1e9))
        requests = queue.Queue()
        requests.put(request)
        stream = self.host.stubs.faults.HoldFault(iter(requests.get, None), timeout=PATIENCE)
        self.holds[number] = (requests, stream)
        with contextlib.suppress(StopIteration):
            try:
                next(stream)
            except grpc.RpcError as error:
                self.judge(error, request)

    def drop(self, number):
        if number in self.holds:
            requests, stream = self.holds.pop(number)
            stream.cancel()
            requests.put(None)

    def renew(self, number, lease):
        request = lab.pb.RenewLeaseRequest(id=f"fault-{number}")
        request.duration.FromNanoseconds(int(lease * 1e9))
        self.call("faults", "RenewLease", request)

    def revert(self, number, waits):
        self.call("faults", "RevertFault", lab.pb.RevertFaultRequest(id=f"fault-{number}"), waits)

    def revert_all(self):
        self.call("faults", "RevertAll", lab.pb.RevertAllRequest())

    def bad(self, number):
        """What is refused, and changes nothing."""
        requests = (lab.pb.InjectFaultRequest(), lab.pb.InjectFaultRequest(id="../x", spec=lab.spec("noop")),
                    self.inject_request(900, 1e6, "noop", {}), self.inject_request(901, 1, "blackhole", {}),
                    self.inject_request(902, 1, "blackhole", {"to": "10.9.0.3", "interfaces": ["no-such"]}),
                    self.inject_request(903, 1, "disk_fill", {"path": "/nonexistent", "bytes": 1 << 20}))
        self.call("faults", "InjectFault", requests[number])

    def lever(self, engaged):
        self.call("agents", "SetSafetyLever", lab.agent_pb.SetSafetyLeverRequest(engaged=engaged, reason="proof" if engaged else ""))

    def plan(self, kind, fields):
        self.call("faults", "PlanFault", lab.pb.PlanFaultRequest(spec=self.spec(kind, fields)))

    def pause(self, seconds):
        """Lets leases end, and names be looked up again."""
        time.sleep(seconds)

    def name(self, number):
        self.host.name_database(number)

    def halt(self, there):
        """The file that ends all faults and prevents new ones."""
        with contextlib.suppress(FileNotFoundError):
            if there:
                with open(self.host.halt, "w", encoding="ascii"):
                    pass
            else:
                os.unlink(self.host.halt)

    def traffic(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for address in (*map(self.host.network.v4, range(2, 7)), "10.8.0.2"):
                with contextlib.suppress(OSError):
                    sock.sendto(b"x" * 100, (address, 53))

    # Trouble.

    def signal(self, who, name):
        pids = self.host.programs(NAMES[who])
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, getattr(signal, "SIG" + name))
        if name == "STOP":
            self.stopped += pids
        else:
            self.doomed += pids

    def signals(self, each):
        for who, name in each:
            self.signal(who, name)

    def operation(self, program, operations, number, action, times):
        self.stopped.append(self.host.hook.stopped())
        self.host.hook.arm(program, operations, number, action, times)

    def count(self, program, operations):
        self.host.hook.watch(program, operations)

    def counted(self):
        self.figures["count"] = self.host.hook.get("count")

    def start(self):
        """As systemd does it, once the one before is gone."""
        if not self.host.alive():
            self.host.start(self.with_aws)

    def gone(self):
        """Daemon and guardian are no more, or stand still. One whose first thread has ended is still there for the others."""
        lab.wait_for(lambda: all(state_of(process.pid) == "T" for process in self.host.alive()) and
                     all(state_of(pid) in ("T", "Z", "") for pid in self.host.programs("faultd", "faultd-guardian")),
                     "daemon and guardian are gone", LONGEST)

    def terminate(self):
        """As systemd does it, at a stop that somebody asked for in the middle."""
        for process in self.host.alive():
            os.kill(process.pid, signal.SIGTERM)

    def reload(self):
        for process in self.host.alive():
            os.kill(process.pid, signal.SIGHUP)

    def second(self):
        self.host.start_second(self.with_aws)

    def clock(self, seconds):
        self.host.hook.set(shift=seconds)

    def unread(self):
        """Nobody reads the log any more, and the pipe that it goes through is full."""
        lab.fill_pipe(self.host.log_path)

    def disk(self, how):
        if how == "readonly":
            # It is busy as long as somebody writes, and as long as somebody has a directory that is deleted.
            remount = ["mount", "-o", "remount,ro", self.host.state]
            with contextlib.suppress(AssertionError):
                lab.wait_for(lambda: not subprocess.run(remount, capture_output=True).returncode, "the disk is read-only", PATIENCE)
            return
        with contextlib.suppress(OSError), open(os.path.join(self.host.state, "stuffing"), "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def records(self, how):
        journal = os.path.join(self.host.state, "journal")
        if how == "journal":
            # Once more if a record was written meanwhile. On a read-only disk it stays.
            with contextlib.suppress(AssertionError):
                lab.wait_for(lambda: not lab.run("rm", "-rf", journal, check=False) and not os.path.exists(journal),
                             "the journal is deleted", PATIENCE)
            return
        for name in self.host.records():
            path = os.path.join(journal, name)
            with contextlib.suppress(OSError):
                self.spoil(path, how)

    @staticmethod
    def spoil(path, how):
        with open(path, "r+b") as file:
            content = file.read()
            if how in ("truncate", "empty"):
                file.truncate(0 if how == "empty" else len(content) // 2)
            elif how == "flip" and content:
                file.seek(len(content) // 2)
                file.write(bytes([content[len(content) // 2] ^ 16]))
            elif how == "garbage":
                file.write(os.urandom(len(content)))
        if how == "duplicate":
            for copy in (path.replace("fault-", "copy-"), path + ".record"):
                with open(copy, "wb") as file:
                    file.write(content)
        elif how == "remove":
            os.unlink(path)

    def interface(self, how):
        device, peer = "up0", self.host.network.peer
        if how == "rename":
            self.rename((device, "moved0"))
        elif how == "swap":
            self.rename((device, "between"), ("up1", device), ("between", "up1"))
        elif how == "down":
            lab.run("ip", "link", "set", device, "down", check=False)
        elif how == "bridge":
            lab.run("ip", "link", "add", "bridge0", "type", "bridge", check=False)
            lab.run("ip", "link", "set", device, "master", "bridge0", check=False)
        elif how in ("leave", "return"):
            # It goes without its addresses and qdiscs, and comes back with the same index.
            lab.run("ip", "link", "set", device, "netns", peer, check=False)
            if how == "return":
                lab.run("ip", "-n", peer, "link", "set", device, "netns", str(os.getpid()), check=False)
                lab.run("ip", "link", "set", device, "up", check=False)
        else:
            lab.run("ip", "link", "del", device, check=False)
            if not any(name == "moved0" for _, name in socket.if_nameindex()):
                # The far end of one that has another name, or is elsewhere.
                lab.run("ip", "-n", peer, "link", "del", "down0", check=False)
                self.host.network.plug_in()
        self.host.wait_for_links()
        self.host.note_foreign()

    @staticmethod
    def rename(*pairs):
        """Each to its new name; those that are up are not renamed."""
        for old, _ in pairs:
            lab.run("ip", "link", "set", old, "down", check=False)
        for old, new in pairs:
            lab.run("ip", "link", "set", old, "name", new, check=False)
        for _, new in pairs:
            lab.run("ip", "link", "set", new, "up", check=False)

    def stranger(self, what):
        commands = {
            "qdisc": [("tc", "qdisc", "replace", "dev", "up0", "root", "handle", "8:", "pfifo", "limit", "50")],
            "clsact": [],
            "filter": [("tc", "filter", "add", "dev", "up0", "egress", "prio", "3", "protocol", "ip", "matchall", "action", "pass")],
            "table": [("nft", "add table inet stranger; add chain inet stranger out { type filter hook output priority 5; };"
                              "add rule inet stranger out counter")],
            "netdev_table": [("nft", "add table netdev stranger;"
                                     "add chain netdev stranger in { type filter hook ingress device up0 priority 10; }")],
            "ifb": [("ip", "link", "add", "faultd77", "type", "ifb")],
            "no_qdisc": [("tc", "qdisc", "del", "dev", "up0", "root")],
            "no_table": [("nft", "delete", "table", "inet", "firewall")],
        }
        if what in ("clsact", "filter"):
            self.host.add_clsact()
        for command in commands[what]:
            lab.run(*command, check=False)
        self.host.note_foreign()

    def vandal(self, what):
        """Somebody who changes what is ours."""
        if what == "table":
            lab.run("nft", "delete", "table", "netdev", "faultd", check=False)
        elif what == "filters":
            self.delete_filters()
        elif what == "flush":
            lab.run("nft", "flush", "ruleset", check=False)
            self.host.note_foreign()
        else:
            commands = {
                "links": ["ip link del {name}"], "link_down": ["ip link set {name} down"],
                "link_qdisc": ["tc qdisc del dev {name} root"], "link_group": ["ip link set {name} group 0"],
                "link_name": ["ip link set {name} name renamed{index}"],
                "link_taken": ["ip link del {name}", "ip link add foreign{index} index {index} type bridge"],
            }
            for index, name in socket.if_nameindex():
                if not name.startswith("faultd") or name == "faultd77":
                    continue
                # One without an alias has just been made, and can be told by its group only.
                if what == "link_group" and "alias faultd" not in lab.run("ip", "link", "show", name, check=False):
                    continue
                for command in commands[what]:
                    lab.run(*command.format(name=name, index=index).split(), check=False)
            if what == "link_taken":
                self.host.note_foreign()

    @staticmethod
    def delete_filters():
        for device, hook in itertools.product((name for _, name in socket.if_nameindex()), ("ingress", "egress")):
            looks = snapshot.blocks(lab.run("tc", "filter", "show", "dev", device, hook, check=False))
            for priority in {found[1] for found in map(snapshot.OUR_FILTER.search, looks) if found}:
                lab.run("tc", "filter", "del", "dev", device, hook, "pref", priority, check=False)

    # The end.

    def recover(self, how):
        host = self.host
        # Who is about to die is as good as dead, but does not die while it is stopped.
        self.doomed += filter(None, [host.hook.killed()])
        self.stopped.append(host.hook.stopped())
        self.figures["fired"] = int(host.hook.get("fired") > 0)
        host.hook.clear()
        for pid in self.doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        lab.wait_for(lambda: all(state_of(pid) in ("Z", "") for pid in self.doomed), "the killed are dead", LONGEST)
        host.repair_disk()
        daemons = host.alive()
        # Also a child of the daemon that is not executed yet.
        children = set(self.stopped) - {process.pid for process in daemons} - {0}
        for pid in children | set(host.programs("faultd-guardian", "faultd-stress")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        # A guardian kills a daemon that stood still at any moment from now on; then it does not look stopped.
        stopped = [process for process in daemons if process.pid in self.stopped]
        well = [process for process in daemons if process not in stopped and is_well(process.pid)]
        guarded = (well or stopped) and any(is_well(pid) for pid in host.programs("faultd-guardian"))
        # Of what is spoilt or remote a guardian knows no deadline. And what it has been told is gone is no reason for it to
        # kill a daemon that stands still, when the record could not be removed before.
        guardian_ends_all = guarded and not self.spoilt and not self.with_aws and not self.disk_fails
        if how == "lease" and (guardian_ends_all if stopped else well):
            try:
                lab.wait_for(lambda: not self.ours(r"fault-\d+\.record"), "no record is left when the leases are over", LONGEST)
            except AssertionError as error:
                self.problems.append(f"{error}: {self.ours()}")
        for number in list(self.holds):
            self.drop(number)
        if how == "once":
            self.signals([("guardian", "STOP"), ("daemon", "KILL"), ("guardian", "KILL")])
        elif how in ("kill", "restart"):
            self.signal("daemon", "KILL")
        if how != "lease" and how != "terminate":
            for process in daemons:
                process.wait()
        if how == "restart":
            host.start(self.with_aws)
        self.problems += host.stop_all(self.operations_fail, self.threads_fail)
        # A guardian that was on guard undisturbed has done it alone.
        if how == "once" or not guarded:
            self.problems += host.once()
        if self.ours() and self.with_aws:
            host.start(True)
            with contextlib.suppress(AssertionError):
                lab.wait_for(lambda: not self.ours(), "what needs the network is reverted", LONGEST)
            self.problems += host.stop_all()
        for future in self.pending:
            future.cancel()
        host.reap()
        if self.spoilt:
            os.makedirs(os.path.join(host.state, "journal"), 0o700, exist_ok=True)
            host.remove_own_clsacts()

    def ours(self, pattern=r".*(?<!\.aside)"):
        """Records; a stranger may have put others there, which nobody has a lease for."""
        return [name for name in self.host.records() if re.fullmatch(pattern, name)]
