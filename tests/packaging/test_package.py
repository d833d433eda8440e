"""The packages as they are built: what is in them, where, and that they run on every distribution they are for."""

import io
import os
import re
import stat
import subprocess
import tarfile
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
PACKAGES = os.environ["FAULTD_PACKAGES"]

PROGRAMS = ["/usr/bin/faultctl", "/usr/libexec/faultd/faultd-guardian", "/usr/libexec/faultd/faultd-stress",
            "/usr/libexec/faultd/put-back", "/usr/sbin/faultd"]
FILES = [
    "/etc/faultd/faultd.toml", "/etc/faultd/policy.toml", "/usr/lib/systemd/system/faultd.service", "/usr/lib/sysusers.d/faultd.conf",
    "/usr/share/bash-completion/completions/faultctl", "/usr/share/man/man1/faultctl.1.gz",
    "/usr/share/man/man5/faultd.toml.5.gz", "/usr/share/man/man5/faultd-policy.toml.5.gz",
    "/usr/share/man/man7/faultd-security.7.gz", "/usr/share/man/man8/faultd.8.gz", "/usr/share/man/man8/faultd-guardian.8.gz",
    "/usr/share/faultd/iam/faultd-instance-policy.json", "/usr/share/faultd/cloudwatch/faultd-alarms.yaml",
    "/usr/share/faultd/examples/orchestrate.py",
    "/usr/share/faultd/proto/faultd/v1/fault_service.proto", "/usr/share/faultd/proto/google/rpc/status.proto",
]
# Where the daemon looks for them.
LINKS = ["/usr/sbin/faultd-guardian", "/usr/sbin/faultd-stress"]

# The same soname on Debian 12, Ubuntu 22.04 and 24.04, RHEL 9 and Amazon Linux 2023.
SHARED = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libsystemd.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
# What readelf calls them.
MACHINES = {"amd64": "X86-64", "x86_64": "X86-64", "arm64": "AArch64", "aarch64": "AArch64"}
# Amazon Linux 2023 and RHEL 9 have this one.
NEWEST_GLIBC = (2, 34)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout


def only(ending):
    found = [name for name in os.listdir(PACKAGES) if name.endswith(ending)]
    assert len(found) == 1, f"{PACKAGES} has {found}"
    return os.path.join(PACKAGES, found[0])


class PackageTest:
    """What holds for both; their classes set modes, {path: mode with type}, and owners."""

    @classmethod
    def make_folder(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.unpacked = folder.name

    def test_everything_is_in_its_place(self):
        for path in PROGRAMS:
            self.assertEqual(stat.filemode(self.modes[path]), "-rwxr-xr-x", path)
        for path in FILES:
            self.assertEqual(stat.filemode(self.modes[path]), "-rw-r--r--", path)
        for path in LINKS:
            self.assertTrue(stat.S_ISLNK(self.modes[path]), path)
            self.assertIn(os.path.realpath(self.unpacked + path).removeprefix(self.unpacked), PROGRAMS)

    def test_nothing_is_writable_or_setuid(self):
        self.assertEqual(self.owners, {"root"})
        for path, mode in self.modes.items():
            if not stat.S_ISLNK(mode):
                self.assertEqual(mode & 0o7022, 0, path)

    def test_the_api_is_complete_and_the_inner_protocol_is_not_in_it(self):
        protos = {path.rpartition("/")[2] for path in self.modes if path.startswith("/usr/share/faultd/proto/faultd/v1/")}
        protos = {name for name in protos if name.endswith(".proto")}
        self.assertEqual(protos, set(os.listdir(os.path.join(ROOT, "proto/faultd/v1"))) - {"stress_process.proto"})

    def test_licences_of_all_that_is_linked_statically(self):
        script = '. "$0"; printf "%s\\n" "${packages_build[@]}"'
        libraries = set(re.findall(r"\S+-dev$", run("bash", "-c", script, f"{ROOT}/scripts/lib.sh").decode(), re.MULTILINE))
        # Shared, of the tests only, or without code that is linked; two are from a source that is there already.
        libraries -= {"libsystemd-dev", "libgtest-dev", "libgmock-dev", "libbenchmark-dev", "libclang-rt-14-dev"}
        libraries -= {"libgrpc++-dev", "libnl-route-3-dev"}
        shipped = {path.rpartition("/")[2] for path in self.modes if "/doc/faultd/third-party/" in path}
        self.assertLessEqual(libraries, shipped)

    def test_programs_run_on_every_distribution(self):
        for path in PROGRAMS:
            if path.endswith("put-back"):
                continue
            file = self.unpacked + path
            header = run("readelf", "--file-header", file).decode()
            self.assertIn(MACHINES[self.architecture()], header, path)
            needed = set(re.findall(r"NEEDED\).*\[(.*)\]", run("readelf", "-d", file).decode()))
            self.assertLessEqual(needed, SHARED, path)
            symbols = run("readelf", "--wide", "--dyn-syms", "--version-info", file).decode()
            versions = {tuple(map(int, v.split("."))) for v in re.findall(r"GLIBC_([0-9.]+)", symbols)}
            self.assertLessEqual(max(versions), NEWEST_GLIBC, path)
            self.assertNotIn("GLIBCXX", symbols, path)
            self.assertNotIn(".symtab", run("readelf", "--wide", "--sections", file).decode(), path)

    def test_the_unit_names_programs_that_are_there(self):
        with open(f"{self.unpacked}/usr/lib/systemd/system/faultd.service", encoding="utf-8") as unit:
            for path in re.findall(r"/usr/[a-z]+(?:/faultd)?/faultd[a-z-]*", unit.read()):
                self.assertIn(path, self.modes)


class DebTest(PackageTest, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.package = only(".deb")
        cls.make_folder()
        run("dpkg-deb", "--extract", cls.package, cls.unpacked)
        with tarfile.open(fileobj=io.BytesIO(run("dpkg-deb", "--fsys-tarfile", cls.package))) as tar:
            members = tar.getmembers()
        kinds = {tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK}
        cls.modes = {m.name.lstrip(".").rstrip("/"): m.mode | kinds.get(m.type, stat.S_IFREG) for m in members}
        cls.owners = {m.uname for m in members} | {m.gname for m in members}

    def architecture(self):
        return run("dpkg-deb", "--field", self.package, "Architecture").decode().strip()

    def test_control_files(self):
        with tarfile.open(fileobj=io.BytesIO(run("dpkg-deb", "--ctrl-tarfile", self.package))) as tar:
            control = {m.name.removeprefix("./"): m.mode for m in tar.getmembers() if m.isfile()}
            self.assertEqual(tar.extractfile("./conffiles").read().decode(), "/etc/faultd/faultd.toml\n/etc/faultd/policy.toml\n")
        for script in ("postinst", "prerm", "postrm"):
            self.assertEqual(control[script], 0o755, script)

    def test_copyright(self):
        self.assertIn("/usr/share/doc/faultd/copyright", self.modes)


class RpmTest(PackageTest, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.package = only(".rpm")
        cls.make_folder()
        run("sh", "-c", 'rpm2cpio "$0" | (cd "$1" && cpio --extract --make-directories --quiet)', cls.package, cls.unpacked)
        lines = cls.query("[%{FILEMODES} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILEFLAGS:fflags}: %{FILENAMES}\n]")
        files = [line.split(maxsplit=4) for line in lines.splitlines()]
        cls.modes = {path: int(mode) for mode, _, _, _, path in files}
        cls.owners = {name for _, user, group, _, _ in files for name in (user, group)}
        cls.flags = {path: flags for _, _, _, flags, path in files}

    @classmethod
    def query(cls, form):
        return run("rpm", "--query", "--package", "--queryformat", form, cls.package).decode()

    def architecture(self):
        return self.query("%{ARCH}")

    def test_an_edited_configuration_is_kept(self):
        for name in ("faultd.toml", "policy.toml"):
            self.assertEqual(self.flags[f"/etc/faultd/{name}"], "cn:")

    def test_no_folder_of_others_belongs_to_it(self):
        for path, mode in self.modes.items():
            if stat.S_ISDIR(mode):
                self.assertIn("faultd", path)

    def test_scripts(self):
        for tag in ("PREIN", "POSTIN", "PREUN", "POSTUN"):
            self.assertIn("faultd", self.query("%{" + tag + "}"), tag)


if __name__ == "__main__":
    unittest.main()
