"""scripts/ssm-run: that it does what the SSM agent does, by documents made for that."""

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import unittest

import ssm

ALIVE = "echo $$ >pids; sleep 1000 & echo $! >>pids; mv pids ready; : >>started; wait"


class RunTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="ssm-run-test-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.ready = os.path.join(self.directory, "ready")

    def document(self, *scripts, parameters=None, **inputs):
        """A document of these scripts, each a step; inputs are for the first."""
        steps = [{"action": "aws:runShellScript", "name": f"Step{n}",
                  "inputs": {"runCommand": lines if isinstance(lines, list) else [lines], **(inputs if n == 0 else {})}}
                 for n, lines in enumerate(scripts)]
        path = os.path.join(self.directory, "document.json")
        with open(path, "w", encoding="utf8") as file:
            json.dump({"schemaVersion": "2.2", "parameters": parameters or {}, "mainSteps": steps}, file)
        return path

    def run_one(self, *scripts, arguments=(), parameters=None, **inputs):
        return ssm.run(self.document(*scripts, parameters=parameters, **inputs), *arguments)

    def refusal(self, parameter, *arguments):
        result = self.run_one("true", parameters={"P": parameter}, arguments=arguments)
        self.assertEqual(result["status"], "Refused")
        return result["error"]

    def test_lines_are_one_script_run_by_sh(self):
        result = self.run_one(["x=1", 'echo "$x ${0##*/} $(stat -c %a "$0") $(readlink /proc/$$/exe)"'])
        self.assertEqual(result["stdout"], f"1 _script.sh 700 {os.path.realpath('/bin/sh')}\n")
        # Some shells replace themselves by the script, some wait for it.
        pid, parent, group, session = self.run_one("echo $$ $(cut -d ' ' -f 4-6 /proc/$$/stat)")["stdout"].split()
        self.assertIn(group, (pid, parent))
        self.assertEqual(int(session), os.getsid(0))

    def test_parameters_are_checked(self):
        string = {"type": "String"}
        self.assertIn("is missing", self.refusal(string))
        self.assertIn("Q: the document has no such parameter", self.refusal(string, "P=1", "Q=1"))
        self.assertIn("has 2 values", self.refusal(string, "P=1", "P=2"))
        self.assertIn("write Name=value", self.refusal(string, "P"))
        self.assertIn("is not one of a, b", self.refusal({**string, "allowedValues": ["a", "b"]}, "P=c"))
        self.assertIn("does not match", self.refusal({**string, "allowedPattern": "^[0-9]+$"}, "P=1x"))
        self.assertIn("does not match", self.refusal({**string, "allowedPattern": "^[0-9]+$"}, "P=1\n"))
        self.assertIn("has 1 characters, not 2 to any", self.refusal({**string, "minChars": 2}, "P=1"))
        self.assertIn("has 3 characters, not 0 to 2", self.refusal({**string, "maxChars": 2}, "P=123"))
        self.assertIn("is not declared as schema 2.2 has it", self.refusal({"type": "Integer"}, "P=1"))
        self.assertIn("is not declared as schema 2.2 has it", self.refusal({**string, "required": True}, "P=1"))

    def test_text_is_replaced_before_the_shell_reads_it(self):
        parameters = {"P": {"type": "String"}, "L": {"type": "StringList", "default": ["echo a", "echo b"]}}
        result = self.run_one(["echo '{{ P }}' {{P}} {{ Other }}", "{{ L }}"], parameters=parameters, arguments=["P=$((1+1))"])
        self.assertEqual(result["stdout"], "$((1+1)) 2 {{ Other }}\na\nb\n")

    def test_variables_are_exported_and_their_names_not_replaced(self):
        parameters = {"P": {"type": "String", "interpolationType": "ENV_VAR"}}
        line = 'echo "${SSM_P-unset} {{ P }} ${SSM_COMMAND_ID:+id} $AWS_SSM_REGION_NAME"'
        self.assertEqual(self.run_one(line, parameters=parameters, arguments=["P=$(id)"])["stdout"], "$(id) {{ P }} id eu-west-1\n")
        self.assertEqual(self.run_one(line, parameters=parameters, arguments=["P=x", "--old-agent"])["stdout"], "unset x id eu-west-1\n")

    def test_exit_codes_mean_what_they_mean_to_the_agent(self):
        for code, status, steps in ((0, "Success", 2), (1, "Failed", 2), (4, "Failed", 2), (168, "Success", 1), (169, "Failed", 1),
                                    (137, "TimedOut", 2), (194, "SuccessAndReboot", 1)):
            with self.subTest(code):
                result = self.run_one(f"exit {code}", "true")
                self.assertEqual((result["steps"][0]["status"], result["steps"][0]["response_code"], len(result["steps"])), (status, code, steps))

    def test_what_is_after_a_failure(self):
        self.assertEqual(len(self.run_one("exit 1", "true", onFailure="exit")["steps"]), 1)
        self.assertEqual(self.run_one("exit 1", "true", onFailure="successAndExit")["status"], "Success")
        self.assertEqual(len(self.run_one("exit 0", "true", onSuccess="exit")["steps"]), 1)

    def test_output_is_cut_as_it_is_there(self):
        result = self.run_one("head -c 30000 /dev/zero | tr '\\0' x; head -c 9000 /dev/zero | tr '\\0' y >&2")
        self.assertEqual((len(result["stdout"]), len(result["stderr"]), len(result["output"])), (24000, 8000, 2500))
        for stream in ("stdout", "stderr", "output"):
            self.assertTrue(result[stream].endswith("--output truncated--"), stream)
        self.assertEqual(self.run_one("echo a; echo b >&2")["output"], "a\n\n----------ERROR-------\nb\n")

    def assert_all_killed(self):
        with open(self.ready, encoding="ascii") as file:
            for pid in file.read().split():
                with contextlib.suppress(ProcessLookupError):
                    process = os.pidfd_open(int(pid))
                    self.addCleanup(os.close, process)
                    self.assertTrue(select.select([process], [], [], 5)[0], "is alive")

    def test_time_that_is_over_kills_the_whole_group(self):
        trap = "trap 'touch trapped' EXIT TERM INT HUP"
        result = self.run_one([trap, ALIVE], "echo after", workingDirectory=self.directory, arguments=["--step-timeout=3"])
        self.assertEqual((result["status"], result["steps"][0]["response_code"]), ("TimedOut", 137))
        self.assertEqual(result["stdout"], "after\n", "a step that timed out is not one that failed")
        self.assert_all_killed()
        self.assertFalse(os.path.exists(os.path.join(self.directory, "trapped")))

    def test_cancelling_kills_the_whole_group_and_skips_the_rest(self):
        started = os.path.join(self.directory, "started")
        os.mkfifo(started)
        process = subprocess.Popen([ssm.RUN, "--json", self.document(ALIVE, "echo after", workingDirectory=self.directory)],
                                   stdout=subprocess.PIPE, text=True)
        with open(started, "rb") as pipe:
            pipe.read()  # until the script has opened it too
        process.send_signal(signal.SIGINT)
        result = json.loads(process.communicate()[0])
        self.assertEqual([step["status"] for step in result["steps"]], ["Cancelled", "Cancelled"])
        self.assertEqual((result["status"], result["stdout"]), ("Cancelled", ""))
        self.assert_all_killed()

    def test_cancel_after(self):
        self.assertEqual(self.run_one("sleep 1000", arguments=["--cancel-after=0.1"])["status"], "Cancelled")

    def test_out_of_range_timeouts_become_an_hour(self):
        machine = ssm.ssm_run.Machine.__new__(ssm.ssm_run.Machine)
        machine.options, machine.substitutions = type("Options", (), {"step_timeout": None}), {"T": "7"}
        for text, seconds in (("{{ T }}", 7), ("4", 3600), ("5", 5), ("172800", 172800), ("172801", 3600), ("soon", 3600)):
            self.assertEqual(machine.timeout_of({"timeoutSeconds": text}), seconds)

    def test_preconditions(self):
        path = self.document("echo ran")
        with open(path, encoding="utf8") as file:
            document = json.load(file)
        for platform, status in (("Windows", "Skipped"), ("Linux", "Success")):
            document["mainSteps"][0]["precondition"] = {"StringEquals": ["platformType", platform]}
            with open(path, "w", encoding="utf8") as file:
                json.dump(document, file)
            self.assertEqual(ssm.run(path)["steps"][0]["status"], status)

    def test_text_for_people(self):
        done = subprocess.run([ssm.RUN, self.document("echo a; exit 3")], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "a\n", "ssm-run: Failed, exit code 3\n"))
        done = subprocess.run([ssm.RUN, self.document("true"), "P=1"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (2, "ssm-run: P: the document has no such parameter\n"))


if __name__ == "__main__":
    unittest.main()
