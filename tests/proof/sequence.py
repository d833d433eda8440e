"""From a seed to a list of steps, and from a list that fails to a shorter one."""

import random

import hook

# Lease ends soon, so that nothing is waited for long.
LEASES = (0.1, 0.2, 0.4, 0.8, 1.5, 2.2)
KINDS = {
    "blackhole": 6,
    "loss": 4,
    "latency": 4,
    "cpu": 1,
    "memory": 1,
    "disk_fill": 2,
    "disk_io": 1,
    "ecs_drain": 1,
    "noop": 1,
}
RECOVERIES = ("lease", "terminate", "restart", "kill", "kill", "once")


class Generator:
    """Steps are tuples of a name (of a method of Steps) and plain values."""

    def __init__(self, seed, kinds):
        self.random = random.Random(seed)
        self.kinds = {kind: weight for kind, weight in KINDS.items() if kind in kinds}
        self.faults = 0
        # Without its record nobody knows of a file's name or of what ECS was asked for.
        self.spoils_journal = self.chance(0.2)
        if self.spoils_journal:
            self.kinds.pop("ecs_drain", None)

    def chance(self, share):
        return self.random.random() < share

    def pick(self, values):
        return self.random.choice(list(values))

    def steps(self):
        count = self.random.randint(2, 9)
        steps = [self.request() for _ in range(count)]
        for _ in range(self.pick((1, 1, 1, 2, 2, 3))):
            steps.insert(self.random.randint(0, len(steps)), self.trouble())
        if self.chance(0.15):
            steps.insert(self.random.randint(1, len(steps)), ("start",))
        steps.append(("recover", self.pick(RECOVERIES)))
        return steps

    # Requests.

    def request(self):
        name = self.random.choices(("inject", "hold", "renew", "revert", "bad", "lever", "plan", "traffic", "revert_all", "pause", "drop",
                                    "reload", "name", "halt", "crowd"),
                                   (10, 2, 2, 2, 1, 0.5, 0.5, 1.5, 0.5, 1.5, 1, 0.5, 0.7, 0.4, 0.3 if "blackhole" in self.kinds else 0))[0]
        return getattr(self, name)()

    def a_fault(self):
        return self.random.randint(0, max(self.faults, 1) - 1)

    def inject(self):
        self.faults += 1
        waits = self.chance(0.7)
        return ("inject", self.faults - 1, self.pick(LEASES), waits, *self.spec())

    def crowd(self):
        """As many faults as make the rules of an interface more than one stretch."""
        count = self.pick((20, 60))
        self.faults += count
        return ("crowd", self.faults - count, count, self.pick(LEASES))

    def hold(self):
        self.faults += 1
        return ("hold", self.faults - 1, self.pick(LEASES), self.pick((0, 0.2)), *self.spec())

    def renew(self):
        return ("renew", self.a_fault(), self.pick(LEASES))

    def revert(self):
        return ("revert", self.a_fault(), self.chance(0.7))

    def drop(self):
        return ("drop", self.a_fault())

    def revert_all(self):
        return ("revert_all",)

    def bad(self):
        return ("bad", self.random.randint(0, 5))

    def lever(self):
        return ("lever", self.chance(0.5))

    def reload(self):
        return ("reload",)

    def plan(self):
        return ("plan", *self.spec())

    def traffic(self):
        return ("traffic",)

    def pause(self):
        return ("pause", self.pick((0.02, 0.1, 0.3, 1.1)))

    def name(self):
        return ("name", self.pick((2, 4, 0)))

    def halt(self):
        return ("halt", self.chance(0.5))

    def spec(self):
        kind = self.random.choices(list(self.kinds), list(self.kinds.values()))[0]
        return kind, getattr(self, kind, self.nothing)()

    def nothing(self):
        return {}

    def target(self):
        """Overlapping ones: few addresses, and networks around them."""
        # None: those of the default routes.
        interfaces = self.random.choices((["up0"], ["up1"], ["up0", "up1"], []), (6, 1, 2, 2))[0]
        if self.chance(0.1):
            return {"all_traffic": True, "interfaces": interfaces}
        hosts = ["10.9.0.2", "10.9.0.3", "10.9.0.4", "10.9.0.0/29", "fd00:9::2", "[fd00:9::3]:80/tcp", "10.9.0.3:53/udp", "10.9.0.5:80-90/tcp",
                 "10.8.0.2"]
        target = {"to": self.random.sample(hosts, self.random.randint(1, 3)), "interfaces": interfaces}
        if self.chance(0.15):
            target["to"].append("db.test")
        if self.chance(0.5):
            target["direction"] = self.pick(("DIRECTION_EGRESS", "DIRECTION_INGRESS", "DIRECTION_BOTH"))
        if self.chance(0.2):
            target["flows_percent"] = self.pick((1, 50))
        return target

    def blackhole(self):
        return self.target()

    def loss(self):
        return {"percent": self.pick((1, 50, 100)), **self.target()}

    def latency(self):
        return {"delay": self.pick((0.01, 0.3)), "jitter": self.pick((0, 0.005)), **self.target()}

    def cpu(self):
        return {"load_percent": 3, "core_count": 1}

    def memory(self):
        return {"bytes": self.pick((1 << 20, 8 << 20))}

    def disk_fill(self):
        if not self.spoils_journal and self.chance(0.4):
            return {"path": "FILL", "inodes_percent_full": self.pick((50, 100))}
        return {"path": "FILL", **self.pick(({"bytes": 4 << 20}, {"percent_full": 60}, {"leave_free_bytes": 1 << 20}))}

    def disk_io(self):
        return {"path": "FILL", "threads": 1, "block_bytes": 4096, "file_bytes": 1 << 20, "operations_per_second": 50, "direct": False}

    # What is terrible.

    def trouble(self):
        if self.spoils_journal and self.chance(0.6):
            return self.records()
        name = self.random.choices(("signal", "operation", "interface", "stranger", "vandal", "disk", "clock", "second", "signal_all", "start",
                                    "terminate", "unread"),
                                   (8, 10, 4, 3, 3, 2, 2, 2, 2, 1, 1, 1))[0]
        return getattr(self, name)()

    def records(self):
        return ("records", self.pick(("truncate", "flip", "duplicate", "garbage", "remove", "empty", "journal")))

    def signal(self):
        return ("signal", self.pick(("daemon", "daemon", "guardian", "stress")), self.pick(("KILL", "KILL", "STOP", "SEGV")))

    def signal_all(self):
        who = self.random.sample(("guardian", "daemon", "stress"), self.random.randint(2, 3))
        return ("signals", [(each, self.pick(("KILL", "STOP", "SEGV"))) for each in who])

    def start(self):
        return ("start",)

    def operation(self):
        program = self.pick(("daemon", "daemon", "daemon", "guardian", "stress"))
        operations = self.pick(("file", "netlink", "receive", "process") * 2 + ("watch",))
        number = self.pick((1, 2, 3, 5, 8, 12, 20, 30, 50)) + self.random.randint(0, 5)
        action = self.pick(hook.ACTIONS[operations])
        return ("operation", program, operations, number, action, self.pick((1, 1, 1, 2, 5, 100)))

    def interface(self):
        return ("interface", self.pick(("rename", "swap", "down", "recreate", "leave", "return", "bridge")))

    def stranger(self):
        return ("stranger", self.pick(("qdisc", "clsact", "filter", "table", "netdev_table", "ifb", "no_qdisc", "no_table")))

    def vandal(self):
        return ("vandal", self.pick(("links", "link_down", "link_qdisc", "link_name", "link_group", "link_taken", "table", "filters", "flush")))

    def disk(self):
        return ("disk", self.pick(("full", "full", "readonly")))

    def clock(self):
        return ("clock", self.pick((-20, -1, 1, 20)) * 365 * 86400)

    def second(self):
        return ("second",)

    def terminate(self):
        return ("terminate",)

    def unread(self):
        return ("unread",)


def shrink(steps, fails, tries=60):
    """Drops steps as long as what is left still fails; the recovery, which is last, stays."""
    size = max((len(steps) - 1) // 2, 1)
    while tries > 0:
        at, smaller = 0, False
        while at < len(steps) - 1 and tries > 0:
            candidate = steps[:at] + steps[min(at + size, len(steps) - 1):]
            tries -= 1
            if fails(candidate):
                steps, smaller = candidate, True
            else:
                at += size
        if size == 1 and not smaller:
            break
        size = max(size // 2, 1)
    return steps
