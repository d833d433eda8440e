"""The page through which the harness tells trouble.cc, inside the programs, what to do."""

import errno
import mmap
import os
import struct

import lab

LIBRARY = os.environ.get("FAULTD_TROUBLE", os.path.join(os.path.dirname(lab.BIN), "tests", "faultd_trouble.so"))
PROGRAMS = {"daemon": 1, "guardian": 2, "stress": 4}
CLASSES = {"file": 1, "netlink": 2, "receive": 4, "process": 8, "watch": 16}
ERRORS = ("ENOSPC", "EIO", "EMFILE", "ENOMEM", "EINTR")
# What happens to operations of a class. A function that makes a process or a thread has no ENOSPC.
ACTIONS = {
    "file": ("die", "crash", "stop", *ERRORS),
    "netlink": ("die", "crash", "stop", "ENOMEM", "ENOBUFS", "EINTR", "EMFILE"),
    "receive": ("die", "crash", "stop", "ENOBUFS", "EINTR", "ENOMEM", "interrupted"),
    "process": ("die", "crash", "stop", "ENOMEM", "EMFILE", "EAGAIN"),
    "watch": ("die", "crash", "stop", "ENOMEM", "EMFILE", "ENOSPC"),
}
NUMBERS = {"die": -9, "crash": -11, "stop": -19, "interrupted": -1000}
FIELDS = ("programs", "classes", "countdown", "times", "action", "count", "fired", "shift", "victim")


class Hook:
    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as file:
            file.write(bytes(mmap.PAGESIZE))
            file.flush()
            self.page = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self.environment = {"LD_PRELOAD": LIBRARY, "FAULTD_TROUBLE_PAGE": path}

    def set(self, **fields):
        for name, value in fields.items():
            struct.pack_into("q", self.page, 8 * FIELDS.index(name), value)

    def get(self, name):
        return struct.unpack_from("q", self.page, 8 * FIELDS.index(name))[0]

    def clear(self):
        self.set(countdown=0, programs=0, classes=0, times=0, count=0, fired=0, shift=0, victim=0)

    def victim_of(self, *actions):
        return self.get("victim") if self.get("action") in (NUMBERS[action] for action in actions) else 0

    def killed(self):
        """The process that is dead of it, or about to be."""
        return self.victim_of("die", "crash")

    def stopped(self):
        """The process that stands still for it, or did."""
        return self.victim_of("stop")

    def watch(self, program, operations):
        """Counts the operations that this program makes from now on."""
        self.set(countdown=0, count=0, fired=0, victim=0, classes=CLASSES[operations], programs=PROGRAMS[program])

    def arm(self, program, operations, number, action, times=1):
        """The number-th operation from now, and as many more as are said, are in for it."""
        self.watch(program, operations)
        self.set(action=NUMBERS.get(action) or getattr(errno, action), times=times)
        self.set(countdown=number)
