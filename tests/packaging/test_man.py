"""The manual pages: every option of every program and every key of the configuration is explained, and the
completion knows the options of faultctl."""

import os
import re
import subprocess
import unittest

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
BINARIES = os.environ.get("FAULTD_BIN_DIR", os.path.join(ROOT, "build/release/bin"))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def help_of(*command):
    program = os.path.join(BINARIES, command[0])
    return subprocess.run([program, *command[1:], "--help"], check=True, capture_output=True, text=True).stdout


def options_in(text):
    return set(re.findall(r"^ *(?:-h,)?--([a-z-]+)", text, re.MULTILINE))


def options_of_page(text):
    # "Fl -json", and the second of "Fl h , -help".
    return set(re.findall(r"(?:\bFl |, )-([a-z][a-z-]+)", text))


def faultctl_commands():
    return re.findall(r"^  ([a-z][a-z-]*) {2,}", help_of("faultctl"), re.MULTILINE)


class ManTest(unittest.TestCase):
    def test_every_option_of_faultctl(self):
        commands = faultctl_commands()
        self.assertIn("ecs-drain", commands)
        options = options_in(help_of("faultctl")).union(*(options_in(help_of("faultctl", c)) for c in commands))
        self.assertIn("flows-percent", options)
        page = read("packaging/man/faultctl.1")
        self.assertEqual(options, options_of_page(page))
        for command in commands:
            self.assertRegex(page, rf"(?m)^\.(Ss|It Cm) {command}\b")

    def test_completion_knows_every_option_of_faultctl(self):
        completion = read("packaging/completion/faultctl")
        for command in faultctl_commands():
            self.assertRegex(completion, rf"[ \"]{command}[ \")]")
            for option in options_in(help_of("faultctl", command)):
                self.assertIn(f"--{option}", completion)

    def test_every_option_of_faultd(self):
        self.assertEqual(options_in(help_of("faultd")), options_of_page(read("packaging/man/faultd.8")))

    def test_every_option_of_the_guardian(self):
        options = set(re.findall(r"--([a-z-]+)", help_of("faultd-guardian"))) | {"help", "version"}
        self.assertEqual(options, options_of_page(read("packaging/man/faultd-guardian.8")))

    def test_every_key_of_the_configuration(self):
        self.assert_keys_are_documented("faultd.toml.5", "faultd.toml")

    def test_every_key_of_the_policy(self):
        self.assert_keys_are_documented("faultd-policy.toml.5", "policy.toml")

    def assert_keys_are_documented(self, page, file):
        documented = {}
        for section, body in re.findall(r"(?ms)^\.Ss \[+(\w+)\]+\n(.*?)(?=^\.S[sh] )", read(f"packaging/man/{page}")):
            documented[section] = {
                key for line in re.findall(r"(?m)^\.It Cm (.*)", body) for key in line.split(" , ")}
        shown, section = {}, None
        for line in read(f"packaging/{file}").splitlines():
            if match := re.fullmatch(r"#? ?\[+(\w+)\]+", line):
                section = shown.setdefault(match[1], set())
            elif match := re.match(r"#? ?([a-z_]+) = ", line):
                section.add(match[1])
            elif match := re.match(r"#   ([a-z_]+)  +\S", line):
                shown.setdefault("probe", set()).add(match[1])
        self.assertEqual(documented, shown)

    def test_the_configuration_has_every_key_that_the_daemon_reads(self):
        page = read("packaging/man/faultd.toml.5")
        sources = "".join(read(f"agent/daemon/{name}") for name in
                          ("config.cc", "probe_section.cc", "publish_section.cc"))
        keys = set(re.findall(r"\{\"([a-z_]+)\",\s*(?=Read|\[|\{\{)", sources))
        self.assertIn("socket_group", keys)
        for key in keys:
            self.assertRegex(page, rf"(?m)^\.(It Cm|Ss).*\b{key}\b")


if __name__ == "__main__":
    unittest.main()
