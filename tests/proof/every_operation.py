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
    "ecs_drain": {},
    "noop": {},
}
NETWORK = ("blackhole", "loss", "latency")
START = [("start",)]
# Nobody is left who could put anything back.
LEAVE = ("signals", [("guardian", "STOP"), ("daemon", "KILL"), ("guardian", "KILL")])


def rounds(kinds):
    """(name, program, steps before the operations that count, steps with them)"""
    if "lever" in kinds:
        yield "lever, engage and release", "daemon", [], [("lever", True), ("lever", False)]
    for kind in [kind for kind in KINDS if kind in kinds]:
        inject = ("inject", 0, 5, True, kind, KINDS[kind])
        both = [inject, ("revert", 0, True)]
        yield f"{kind}, inject and revert", "daemon", [], both
        yield f"{kind}, start after a crash", "daemon", [inject, LEAVE, ("gone",)], START
        if kind == "noop":
            yield f"{kind}, start after a crash", "guardian", [inject, LEAVE, ("gone",)], START
        yield f"{kind}, crash", "guardian", [inject], [("signal", "daemon", "KILL"), ("gone",)]
        if kind not in (*NETWORK, "ecs_drain", "noop"):
            yield f"{kind}, inject and revert", "stress", [], both


def jobs(make_worker, chosen, classes):
    """Names and steps for all of them, counted on a host of its own; `chosen` kinds and classes of operations, None: all."""
    worker = make_worker()
    for name, program, before, counted in rounds(chosen or [*worker.kinds, "lever"]):
        for operations in classes or hook.ACTIONS:
            actions = hook.ACTIONS[operations]
            result = worker.run([*before, ("count", program, operations), *counted, ("counted",), ("recover", "kill")])
            if result["problems"]:
                worker.close()
                worker = make_worker()
                yield f"{name}, nothing wrong", [*before, *counted, ("recover", "kill")]
            count = result.get("count", 0)
            print(f"{name}: {count} operations of {program}: {operations}", flush=True)
            if count == 0 and counted == START and operations == "file":
                raise AssertionError(f"{name}: a start without operations of {operations} is none")
            for number in range(1, count + 1):
                for action in actions:
                    yield (f"{name}: {action} at {operations} operation {number} of {program}",
                           [*before, ("operation", program, operations, number, action, 1), *counted, ("recover", "kill")])
    worker.close()
