"""For each kind of fault: die at each operation of a program in turn, and get each error there."""

import hook

KINDS = {
    "blackhole": {"to": ["10.9.0.3"], "interfaces": ["up0"], "direction": "DIRECTION_BOTH"},
    "loss": {"percent": 50, "to": ["10.9.0.3"], "interfaces": ["up0"]},
    "latency": {"delay": 0.01, "to": ["10.9.0.3"], "interfaces": ["up0"]},
    "cpu": {"load_percent": 3, "core_count": 1},
    "memory": {"bytes": 1 << 20},
    "disk_fill": {"path": "FILL", "inodes_percent_full": 50},
    "disk_io": {"path": "FILL", "threads": 1, "block_bytes": 4096, "file_bytes": 1 << 20, "operations_per_second": 50, "direct": False},
    "noop": {},
}


def rounds(kind):
    """(name, program, steps before the operations that count, steps with them)"""
    inject = ("inject", 0, 5, True, kind, KINDS[kind])
    # Nobody is left who could put anything back.
    leave = ("signals", [("guardian", "STOP"), ("daemon", "KILL"), ("guardian", "KILL")])
    yield "inject and revert", "daemon", [], [inject, ("revert", 0, True)]
    yield "start after a crash", "daemon", [inject, leave, ("gone",)], [("start",)]
    yield "crash", "guardian", [inject], [("signal", "daemon", "KILL"), ("gone",)]
    if kind not in ("blackhole", "loss", "latency", "noop"):
        yield "inject and revert", "stress", [], [inject, ("revert", 0, True)]


def jobs(make_worker):
    """Names and steps for all of them, counted on a host of its own."""
    worker = make_worker()
    for kind in [kind for kind in KINDS if kind in worker.kinds]:
        for name, program, before, counted in rounds(kind):
            for operations, actions in hook.ACTIONS.items():
                result = worker.run([*before, ("count", program, operations), *counted, ("counted",), ("recover", "kill")])
                count = result.get("count", 0)
                print(f"{kind}, {name}: {count} operations of {program}: {operations}", flush=True)
                for number in range(1, count + 1):
                    for action in actions:
                        yield (f"{kind}, {name}: {action} at {operations} operation {number} of {program}",
                               [*before, ("operation", program, operations, number, action, 1), *counted, ("recover", "kill")])
    worker.close()
