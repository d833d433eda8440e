"""A small network of namespaces with a faultd in it, for the end-to-end tests.

The test process itself runs in the "host" namespace (tests/e2e/run makes it); `peer` is the far end
of a veth pair, with the dependencies that faults are aimed at. Everything here is real: the kernel,
the daemon, the guardian, gRPC.
"""

import atexit
import contextlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

BIN = os.environ["FAULTD_BIN"]
GENERATED = os.environ["FAULTD_PYTHON"]
sys.path.insert(0, GENERATED)

import google  # noqa: E402

# Debian's `google` package is set up at start-up and does not look on sys.path again.
google.__path__ = [*google.__path__, os.path.join(GENERATED, "google")]

import grpc  # noqa: E402
from faultd.v1 import agent_service_pb2 as agent_pb  # noqa: E402
from faultd.v1 import agent_service_pb2_grpc as agent_grpc  # noqa: E402
from faultd.v1 import fault_pb2  # noqa: E402
from faultd.v1 import fault_service_pb2 as pb  # noqa: E402
from faultd.v1 import fault_service_pb2_grpc as fault_grpc  # noqa: E402
from faultd.v1 import journal_pb2  # noqa: E402
from faultd.v1 import probe_pb2 as probe_pb  # noqa: E402
from faultd.v1 import probe_service_pb2 as probe_service_pb  # noqa: E402
from faultd.v1 import probe_service_pb2_grpc as probe_grpc  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402

ACTIVE, REVERTED, FAILED = (fault_pb2.FAULT_STATE_ACTIVE, fault_pb2.FAULT_STATE_REVERTED, fault_pb2.FAULT_STATE_FAILED)
DEADLINE = 20  # seconds that anything may take at most on a busy machine


def run(*command, check=True, netns=None):
    if netns:
        command = ("ip", "netns", "exec", netns) + command
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(condition, what, deadline=DEADLINE):
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.002)
    raise AssertionError(f"not within {deadline} s: {what}")


@contextlib.contextmanager
def file_system(size=64 << 20, inodes=4096, options="loop"):
    """A small ext4 of its own."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="faultd-disk-"))
        image, mount = os.path.join(directory, "image"), os.path.join(directory, "mount")
        os.mkdir(mount)
        with open(image, "wb") as file:
            file.truncate(size)
        run("mkfs.ext4", "-q", "-N", str(inodes), "-m", "0", image)
        run("mount", "-o", options, image, mount)
        stack.callback(run, "umount", "--lazy", mount)
        yield mount


@contextlib.contextmanager
def silent_file_system(place=None):
    """A FUSE that is mounted and never answers, like NFS whose server is gone: its directory and the server's end. With a
    place it is there, over a file or a directory. Whoever waits for a request that was read there cannot be killed; closing it ends
    all waiting."""
    init = struct.Struct("=II56x")  # linux/fuse.h: struct fuse_init_out
    with contextlib.ExitStack() as stack:
        place = place or stack.enter_context(tempfile.TemporaryDirectory(prefix="faultd-silent-"))
        mode = 40000 if os.path.isdir(place) else 100000
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={device},rootmode={mode},user_id=0,group_id=0"
        with contextlib.closing(os.fdopen(device, "rb+", buffering=0)) as server:
            subprocess.run(["mount", "-i", "-t", "fuse", "-o", options, "silent", place], pass_fds=[device], check=True)
            stack.callback(run, "umount", "--lazy", place)
            (unique,) = struct.unpack_from("=8xQ", server.read(1 << 17))
            server.write(struct.pack("=IiQ", 16 + init.size, 0, unique) + init.pack(7, 31))
            yield place, server


def is_sanitized(program, *sanitizers):
    """Whether the build has one of these sanitizers, or any."""
    with open(f"{BIN}/{program}", "rb") as file:
        content = file.read()
    return any(f"__{name}_init".encode() in content for name in sanitizers or ("asan", "tsan"))


def processes(program, *arguments):
    """Ids of the running processes of this program that have all these words on their command line."""
    pids = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            if words[0].endswith(program.encode()) and all(each.encode() in words for each in arguments):
                pids.append(int(pid))
    return pids


class Network:
    """The host's veth `up0` and, behind it, namespace `peer` with the addresses .2 to .9 and ::2 to ::9."""

    def __init__(self, peer="peer", device="up0", net=9):
        self.peer, self.device = peer, device
        self.v4 = lambda n: f"10.{net}.0.{n}"
        self.v6 = lambda n: f"fd00:{net}::{n}"
        run("ip", "netns", "add", peer)
        # The kernel repeats duplicate address detection when it notices late that the far end is up.
        for which in ("all", "default"):
            with open(f"/proc/sys/net/ipv6/conf/{which}/accept_dad", "w", encoding="ascii") as file:
                file.write("0")
        run("ip", "link", "set", "lo", "up")
        run("ip", "-n", peer, "link", "set", "lo", "up")
        self.connect()

    def plug_in(self):
        device, peer = self.device, self.peer
        run("ip", "link", "add", device, "type", "veth", "peer", "name", "down0", "netns", peer)
        for end, first, where in ((device, 1, ()), ("down0", 2, ("-n", peer))):
            for n in range(first, 2 if first == 1 else 10):
                run("ip", *where, "addr", "add", f"{self.v4(n)}/24", "dev", end)
                run("ip", *where, "addr", "add", f"{self.v6(n)}/64", "dev", end, "nodad")
            run("ip", *where, "link", "set", end, "up")
        run("ip", "route", "add", "default", "via", self.v4(2))
        run("ip", "-6", "route", "add", "default", "via", self.v6(2))

    def connect(self):
        self.plug_in()
        wait_for(lambda: "tentative" not in run("ip", "addr"), "IPv6 addresses are usable")
        run("ping", "-c1", "-W2", self.v4(2))
        run("ping", "-c1", "-W2", self.v6(2))

    def close(self):
        run("ip", "link", "del", self.device, check=False)
        run("ip", "netns", "del", self.peer)


class HostTest(unittest.TestCase):
    """Tests on a host and a network of their class's own; `before` is how it is without faults."""

    @classmethod
    def setUpClass(cls):
        cls.network = Network()
        cls.addClassCleanup(cls.network.close)
        cls.before = snapshot()


@contextlib.contextmanager
def echo_server(netns, port=7777):
    """TCP and UDP echo, IPv4 and IPv6, in a namespace."""
    server = subprocess.Popen(["ip", "netns", "exec", netns, sys.executable, os.path.join(os.path.dirname(__file__), "echo.py"), str(port)],
                              stdout=subprocess.PIPE, text=True)
    try:
        if server.stdout.readline() != "ready\n":
            raise AssertionError("the echo server did not start")
        yield port
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def tcp_outcome(address, port, timeout=0.4):
    """"ok" after a byte went there and back, "hangs", or the name of the error."""
    try:
        with socket.create_connection((address, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(b"x")
            return "ok" if connection.recv(1) == b"x" else "closed"
    except TimeoutError:
        return "hangs"
    except OSError as error:
        return type(error).__name__


def udp_outcome(address, port, timeout=0.4, source_port=0):
    """The same for UDP; sends with IP_RECVERR, as glibc's resolver does."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    level, option = (socket.IPPROTO_IPV6, 25) if family == socket.AF_INET6 else (socket.IPPROTO_IP, 11)
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(level, option, 1)
        sock.settimeout(timeout)
        sock.bind(("", source_port))
        try:
            sock.connect((address, port))
            sock.send(b"x")
            return "ok" if sock.recv(1) == b"x" else "closed"
        except TimeoutError:
            return "hangs"
        except OSError as error:
            return type(error).__name__


def ping(address, count=1, interval=0.2, timeout=0.5, netns=None):
    """(answers, list of round-trip times in ms)"""
    out = run("ping", "-n", f"-c{count}", f"-i{interval}", f"-W{timeout}", address, check=False, netns=netns)
    times = [float(t) for t in re.findall(r"time=([0-9.]+) ms", out)]
    return len(times), times


def snapshot():
    """All that a network fault can touch, as text."""
    # The timers of a bridge count down.
    links = re.sub(r"timer +[0-9.]+", "timer", run("ip", "-d", "link"))
    # Hooks that a device does not have are errors, which -force skips.
    hooks = "".join(f"filter show dev {dev} {hook}\n" for _, dev in socket.if_nameindex() for hook in ("root", "ingress", "egress"))
    filters = subprocess.run(["tc", "-force", "-batch", "-"], input=hooks, capture_output=True, text=True).stdout
    return "\n".join([links, run("ip", "addr"), run("ip", "route"), run("ip", "-6", "route"), run("tc", "qdisc"), filters,
                      run("nft", "list", "ruleset")])


class Patience(grpc.UnaryUnaryClientInterceptor):
    """Gives calls the deadline that the daemon asks for, where a test does not."""

    def intercept_unary_unary(self, continuation, details, request):
        if details.timeout is None:
            details = details._replace(timeout=3 * DEADLINE)
        return continuation(details, request)


class Stubs:
    """The services behind one channel."""

    def __init__(self, channel):
        self.channel = grpc.intercept_channel(channel, Patience())
        self.faults = fault_grpc.FaultServiceStub(self.channel)
        self.agents = agent_grpc.AgentServiceStub(self.channel)
        self.probes = probe_grpc.ProbeServiceStub(self.channel)


def fill_pipe(path):
    """Until it takes nothing more; somebody has to have it open for reading."""
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    for size in (4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"." * size)
    os.close(writer)


class Daemon:
    """One faultd with directories of its own; told by sd_notify when it is ready."""

    def __init__(self, directory=None, config="", policy=""):
        self.directory = directory or tempfile.mkdtemp(prefix="faultd-test-")
        if directory is None:
            atexit.register(shutil.rmtree, self.directory, ignore_errors=True)
        self.state = os.path.join(self.directory, "state")
        self.runtime = os.path.join(self.directory, "run")
        self.socket = os.path.join(self.runtime, "faultd.sock")
        self.config = os.path.join(self.directory, "faultd.toml")
        self.log = os.path.join(self.directory, "log")
        self.audit_log = os.path.join(self.directory, "audit", "audit.jsonl")
        with open(self.config, "w", encoding="utf8") as file:
            file.write(config)
        self.policy = os.path.join(self.directory, "policy.toml")
        with open(self.policy, "w", encoding="utf8") as file:
            file.write(policy)
        self.arguments = []
        self.wrapper = []  # a command that ends in exec of what follows
        self.environment = {}  # beside that of the test
        self.process = None

    def command(self):
        return [*self.wrapper, f"{BIN}/faultd", "--config", self.config, "--policy", self.policy, "--state-dir", self.state,
                "--runtime-dir", self.runtime, *self.arguments]

    def refusal(self):
        """What one says that does not start."""
        done = subprocess.run(self.command(), capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert done.returncode == 1, (done.returncode, done.stderr)
        return done.stderr

    def start(self, read_notifications=True):
        notify = os.path.join(self.directory, "notify")
        with open(self.config, "r+", encoding="utf8") as file:
            if "[audit]" not in file.read():
                file.write(f'\n[audit]\ndirectory = "{os.path.dirname(self.audit_log)}"\n')
        with contextlib.suppress(FileNotFoundError):
            os.unlink(notify)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, open(self.log, "a", encoding="utf8") as log:
            ready.bind(notify)
            ready.settimeout(DEADLINE)
            self.process = subprocess.Popen(
                self.command(), stderr=log, env=dict(os.environ, NOTIFY_SOCKET=notify, **self.environment))
            if read_notifications:
                self.wait_for_ready(ready)
            else:
                self.unread = ready.dup()
                wait_for(lambda: os.path.exists(self.socket), "the daemon listens")
        channel = grpc.insecure_channel(f"unix:{self.socket}", options=[("grpc.use_local_subchannel_pool", 1)])
        stubs = Stubs(channel)
        self.channel, self.faults, self.agents, self.probes = stubs.channel, stubs.faults, stubs.agents, stubs.probes
        return self

    def wait_for_ready(self, notifications):
        while b"READY=1" not in notifications.recv(4096):
            if self.process.poll() is not None:
                raise AssertionError(f"faultd exited with {self.process.returncode}:\n{self.read_log()}")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory)

    def stop(self):
        """SIGTERM; returns the exit status once the guardian is gone as well."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.wait()

    def kill(self):
        self.process.kill()
        return self.wait()

    def wait(self):
        status = self.process.wait(DEADLINE)
        self.channel.close()
        self.process = None
        self.wait_unlocked()
        return status

    def wait_unlocked(self):
        """Nobody holds the lock and nobody waits for it: daemon and guardian are done."""
        wait_for(lambda: not self.guardians(), "the guardian is gone")

    def guardians(self):
        return processes("faultd-guardian", self.state)

    def stress_processes(self, id=None):
        """Process ids of the stress processes of this daemon, or of one of its faults."""
        return processes("faultd-stress", os.path.realpath(self.state), *([id] if id else []))

    def records(self):
        return sorted(name for name in os.listdir(os.path.join(self.state, "journal")) if name.endswith(".record"))

    def read_log(self):
        with open(self.log, encoding="utf8") as file:
            return file.read()

    # Requests in a line.

    @staticmethod
    def inject_request(kind, lease=60, id="", to=(), **fields):
        request = pb.InjectFaultRequest(id=id, spec=spec(kind, to, **fields))
        request.duration.FromNanoseconds(int(lease * 1e9))
        return request

    def inject(self, *request, **fields):
        return self.faults.InjectFault(self.inject_request(*request, **fields), timeout=DEADLINE).fault

    def get(self, id):
        return self.faults.GetFault(pb.GetFaultRequest(id=id), timeout=DEADLINE).fault

    def effect(self, id):
        effect = self.get(id).effect
        return getattr(effect, effect.WhichOneof("kind"))

    def revert(self, id):
        return self.faults.RevertFault(pb.RevertFaultRequest(id=id), timeout=DEADLINE).fault

    def list(self, ended=False):
        return self.faults.ListFaults(pb.ListFaultsRequest(include_ended=ended), timeout=DEADLINE).faults

    def set_lever(self, engaged, reason=""):
        return self.agents.SetSafetyLever(agent_pb.SetSafetyLeverRequest(engaged=engaged, reason=reason), timeout=DEADLINE).safety_lever

    def agent(self):
        return self.agents.GetAgent(agent_pb.GetAgentRequest(), timeout=DEADLINE).agent

    def wait_for_end(self, id):
        """The fault once it is over, as the stream of changes tells it."""
        for event in self.faults.WatchFaults(pb.WatchFaultsRequest(id=id), timeout=DEADLINE):
            last = event.fault if event.WhichOneof("event") == "fault" else last
        return last

    def failure(self, id):
        """Why the fault has failed, once the host is put back. This call is what has it looked at."""
        self.get(id)
        ended = self.wait_for_end(id)
        assert ended.state == FAILED, ended
        return ended.error.message


def endpoint(text):
    """"10.9.0.2", "10.9.0.2:80", "10.9.0.2:80/tcp", "[fd00::2]:80", as a dictionary for Endpoint."""
    match = re.fullmatch(r"(?:\[(.+)\]|([^/:]*(?:/\d+)?|[0-9a-f:]*:[0-9a-f:]*(?:/\d+)?))(?::(\d+)(?:-(\d+))?)?(?:/(tcp|udp|icmp))?", text)
    result = {"host": match[1] or match[2]}
    if match[3]:
        result["ports"] = {"first": int(match[3]), "last": int(match[4] or 0)}
    if match[5]:
        result["protocol"] = f"PROTOCOL_{match[5].upper()}"
    return result


def spec(kind, to=(), **fields):
    """A FaultSpec; fields of the target and of the kind itself may be mixed."""
    result = fault_pb2.FaultSpec()
    arm = getattr(result, kind)
    arm.SetInParent()
    if kind == "noop":
        return result
    for text in [to] if isinstance(to, str) else to:
        arm.target.to.add(**endpoint(text))
    for name, value in fields.items():
        if name == "except_":
            for text in value:
                getattr(arm.target, "except").add(**endpoint(text))
        elif name in ("delay", "jitter", "ramp"):
            getattr(arm, name).FromNanoseconds(int(value * 1e9))
        elif name == "interfaces":
            arm.target.interfaces.extend(value)
        elif name == "gilbert_elliott":
            for key, number in value.items():
                setattr(arm.gilbert_elliott, key, number)
        else:
            message = arm if name in arm.DESCRIPTOR.fields_by_name else arm.target
            if isinstance(value, str) and message.DESCRIPTOR.fields_by_name[name].enum_type:
                value = message.DESCRIPTOR.fields_by_name[name].enum_type.values_by_name[value].number
            setattr(message, name, value)
    return result


def encode_record(record):
    """As it stands in the journal (journal.proto)."""
    body = record.SerializeToString()
    return b"faultd-record 1\n" + struct.pack("<II", len(body), zlib.crc32(body)) + body


def change_record(path, **fields):
    """Sets fields of a record in the journal."""
    with open(path, "rb") as file:
        record = journal_pb2.JournalRecord.FromString(file.read()[len(b"faultd-record 1\n") + 8:])
    for name, value in fields.items():
        setattr(record, name, value)
    with open(path, "wb") as file:
        file.write(encode_record(record))


def details(error, message_type):
    """The google.rpc detail of this type in an error's trailer."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for each in status_pb2.Status.FromString(value).details:
                message = message_type()
                if each.Unpack(message):
                    return message
    return None
