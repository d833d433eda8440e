"""What probes cost, beside the shell loop they replace: nc -z and aws cloudwatch put-metric-data."""

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import aws_lab  # noqa: E402
import lab  # noqa: E402
from faultd.v1 import probe_service_pb2  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def listener():
    """A port of loopback that takes every connection and closes it with the client."""
    server = socket.create_server(("127.0.0.1", 0), backlog=1024)

    def accept():
        while True:
            connection, _ = server.accept()
            connection.close()

    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(int(fields[n]) for n in (11, 12)) / TICK


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="utf8") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def config(probes, interval, port, publish):
    text = '[cloudwatch]\nnamespace = "Bench"\ninterval = "10s"\n' if publish else ""
    for number in range(probes):
        text += f'[[probe]]\nname = "probe-{number}"\ntarget = "127.0.0.1:{port}"\ninterval = "{interval}"\ntimeout = "500ms"\n'
    return text


def rounds_of(daemon):
    """Results so far that the daemon still has, of all probes."""
    answer = daemon.probes.ListProbes(probe_service_pb2.ListProbesRequest(), timeout=lab.DEADLINE)
    return sum(len(probe.results) for probe in answer.probes), [
        result.latency.ToNanoseconds() / 1e6 for probe in answer.probes for result in probe.results]


def measure_daemon(probes, interval, seconds, port, aws):
    """CPU seconds and rounds within the time, memory, and latencies of the probes in ms."""
    daemon = lab.Daemon(config=config(probes, interval, port, publish=True))
    daemon.environment = aws.environment
    with daemon:
        pid = daemon.process.pid
        empty = resident_bytes(pid)
        begin_cpu, (begin_rounds, _) = cpu_seconds(pid), rounds_of(daemon)
        time.sleep(seconds)
        used = cpu_seconds(pid) - begin_cpu
        rounds, latencies = rounds_of(daemon)
        return {"cpu_seconds": used, "rounds": rounds - begin_rounds, "seconds": seconds,
                "resident_bytes": resident_bytes(pid), "resident_bytes_at_start": empty, "latencies": sorted(latencies)}


def measure_loop(rounds, port, aws):
    """CPU seconds of the shell loop's two commands, all their children included."""
    environment = dict(os.environ, **aws.environment, AWS_REGION="eu-west-1", AWS_ACCESS_KEY_ID="ASIAEXAMPLE1",
                       AWS_SECRET_ACCESS_KEY="secret of ASIAEXAMPLE1", AWS_SESSION_TOKEN="token+of/ASIAEXAMPLE1==")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(rounds):
        subprocess.run(["nc", "-z", "-w", "5", "127.0.0.1", str(port)], check=True, env=environment)
        subprocess.run(["/usr/bin/aws", "--endpoint-url", aws.url, "cloudwatch", "put-metric-data", "--namespace", "Bench", "--metric-name", "probe",
                        "--dimensions", "Host=bench", "--value", "1"], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "rounds": rounds}


def report(figures):
    """The form of all reports of benchmarks, from (name, value, unit, comparison or None)."""
    return {"sections": [{"title": "probes", "figures": [
        {"name": name, "unit": unit, "value": value, **({"comparisons": [comparison]} if comparison else {})}
        for name, value, unit, comparison in figures]}]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only look that it works")
    parser.add_argument("--json", help="file to write")
    options = parser.parse_args()
    lab.run("ip", "link", "set", "lo", "up")
    port = listener()
    aws = aws_lab.StandIn()
    try:
        loop = measure_loop(1 if options.quick else 10, port, aws)
        few = measure_daemon(100, "1s", 3 if options.quick else 20, port, aws)
        many = measure_daemon(1000, "10s", 3 if options.quick else 50, port, aws)
    finally:
        aws.close()
    per_loop = loop["cpu_seconds"] / loop["rounds"] * 1000
    per_daemon = few["cpu_seconds"] / few["rounds"] * 1000
    latencies = many.pop("latencies")
    few.pop("latencies")
    median, worst = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
    print(f"{'CPU for 1,000 rounds, results published':45} {per_daemon:8.3f} s   nc and aws {per_loop:8.1f} s   "
          f"ratio {per_daemon / per_loop:.5f}")
    print(f"{'1,000 probes every 10 s: CPU':45} {many['cpu_seconds'] / many['seconds'] * 100:8.2f} %")
    print(f"{'  memory':45} {many['resident_bytes'] / 2**20:8.1f} MiB")
    print(f"{'  answer of loopback, median and p99':45} {median:8.3f} ms {worst:8.3f} ms")
    if options.json:
        with open(options.json, "w", encoding="utf8") as file:
            json.dump(report([
                ("CPU for 1,000 rounds, results published", per_daemon, "s",
                 {"text": f"{per_daemon / per_loop:.5f}x nc and aws", "ratio": per_daemon / per_loop}),
                ("CPU for 1,000 rounds of nc and aws", per_loop, "s", None),
                ("1,000 probes every 10 s: CPU", many["cpu_seconds"] / many["seconds"] * 100, "%", None),
                ("1,000 probes every 10 s: memory", many["resident_bytes"] / 2**20, "MiB", None),
                ("answer of loopback, median", median, "ms", None),
                ("answer of loopback, p99", worst, "ms", None)]), file, indent=1)


if __name__ == "__main__":
    main()
