"""Draining the ECS container instance: what ECS, the agent and the instance metadata see of it."""

import os
import subprocess
import unittest

import grpc

import aws_lab
import lab
from lab import wait_for
from faultd.v1 import fault_pb2

LONG = 60  # seconds: a call that hangs is given up after 10, and reverts pause up to 10 between attempts


class EcsTest(aws_lab.AwsTest):
    def setUp(self):
        super().setUp()
        self.daemon = self.daemon_with(f'[ecs]\nagent = "{self.aws.url}"\n')

    def status(self):
        return self.aws.ask("/_/state")["instance_status"]

    def actions(self):
        return [call["action"] for call in self.aws.calls("ecs")]

    def wait_for_state(self, id, state):
        wait_for(lambda: self.daemon.get(id).state == state, fault_pb2.FaultState.Name(state), LONG)

    def refusal(self):
        with self.assertRaises(grpc.RpcError) as refused:
            self.daemon.inject("ecs_drain")
        self.assertEqual(refused.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(self.daemon.records(), [])
        return refused.exception.details()

    def ctl(self, *arguments):
        return subprocess.run([f"{lab.BIN}/faultctl", "--address", f"unix:{self.daemon.socket}", *arguments],
                              capture_output=True, text=True, timeout=LONG)

    def test_drains_and_sets_active_again(self):
        fault = self.daemon.inject("ecs_drain", lease=300)
        self.assertEqual(fault.state, lab.ACTIVE)
        self.assertEqual(self.status(), "DRAINING")
        self.assertIn("in cluster prod", fault.summary)
        self.assertEqual(self.daemon.effect(fault.id).running_tasks, 2)
        self.aws.set(tasks=["web"])
        wait_for(lambda: self.daemon.effect(fault.id).running_tasks == 1, "a task has left")
        self.assertFalse(self.daemon.effect(fault.id).drained)
        self.aws.set(tasks=["once"], standalone=["once"])
        wait_for(lambda: self.daemon.effect(fault.id).drained, "all tasks of services have left")
        self.assertEqual(self.daemon.effect(fault.id).standalone_tasks, 1)
        reverted = self.daemon.revert(fault.id)
        self.assertEqual(reverted.state, lab.REVERTED)
        self.assertEqual(self.status(), "ACTIVE")
        self.assertEqual(self.daemon.records(), [])

    def test_ends_with_its_lease(self):
        fault = self.daemon.inject("ecs_drain", lease=1)
        self.assertEqual(self.daemon.wait_for_end(fault.id).end_reason, fault_pb2.END_REASON_LEASE_ENDED)
        self.assertEqual(self.status(), "ACTIVE")

    def test_plan_changes_nothing(self):
        done = self.ctl("ecs-drain", "--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("to DRAINING", done.stdout)
        self.assertNotIn("UpdateContainerInstancesState", self.actions())

    def test_faultctl_waits_until_it_is_drained(self):
        self.aws.set(tasks=[])
        done = self.ctl("ecs-drain", "--for", "5m", "--wait-drained", "30s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(" drained: 0 running tasks", done.stdout)
        self.assertEqual(self.ctl("revert", "--all").returncode, 0)
        self.aws.set(tasks=["web"])
        done = self.ctl("ecs-drain", "--for", "5m", "--wait-drained", "1s")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is active, but not drained within 1s: 1 running tasks", done.stderr)
        self.assertEqual(self.status(), "DRAINING")

    def test_already_draining_is_left_alone(self):
        self.aws.set(instance_status="DRAINING")
        self.assertIn("is DRAINING; only one that is ACTIVE can be drained", self.refusal())
        self.assertEqual(self.status(), "DRAINING")
        self.assertNotIn("UpdateContainerInstancesState", self.actions())

    def test_agent_that_has_not_registered(self):
        self.aws.set(registered=False)
        self.assertIn("has not registered with cluster prod yet", self.refusal())

    def test_no_agent(self):
        self.daemon.stop()
        with open(self.daemon.config, "w", encoding="utf8") as file:
            file.write('[ecs]\nagent = "http://127.0.0.1:9"\n')
        self.daemon.start()
        self.assertIn("this host is no ECS container instance, or its agent is not up yet", self.refusal())

    def test_missing_permissions_are_named(self):
        self.aws.set(denied=["ecs:DescribeContainerInstances"])
        self.assertIn("allow ecs:DescribeContainerInstances on the container instances", self.refusal())
        self.aws.set(denied=["ecs:UpdateContainerInstancesState"])
        self.assertIn("allow ecs:UpdateContainerInstancesState on the container instances", self.refusal())
        self.assertEqual(self.status(), "ACTIVE")

    def test_failures_in_an_answer_are_failures(self):
        self.aws.set(faults={"ecs": [{"failures": "INACTIVE"}]})
        self.assertIn("is INACTIVE", self.refusal())

    def test_somebody_else_sets_it_active(self):
        fault = self.daemon.inject("ecs_drain", lease=300)
        self.aws.set(instance_status="ACTIVE")
        ended = self.daemon.wait_for_end(fault.id)
        self.assertEqual(ended.state, lab.FAILED)
        self.assertIn("somebody else has changed it", ended.error.message)
        self.assertEqual(self.status(), "ACTIVE")

    def test_a_spot_notice_keeps_it_draining(self):
        fault = self.daemon.inject("ecs_drain", lease=300)
        self.aws.set(spot_action={"action": "terminate", "time": "2026-09-18T08:22:00Z"})
        reverted = self.daemon.revert(fault.id)
        self.assertEqual(reverted.state, lab.REVERTED)
        self.assertIn("a spot interruption notice (terminate at 2026-09-18T08:22:00Z)", reverted.end_detail)
        self.assertEqual(self.status(), "DRAINING")

    def test_an_auto_scaling_group_that_terminates_keeps_it_draining(self):
        fault = self.daemon.inject("ecs_drain", lease=300)
        self.aws.set(lifecycle_state="Terminated")
        self.assertIn("its Auto Scaling group wants it to be Terminated", self.daemon.revert(fault.id).end_detail)
        self.assertEqual(self.status(), "DRAINING")

    def test_in_service_is_no_claim(self):
        self.aws.set(lifecycle_state="InService")
        fault = self.daemon.inject("ecs_drain", lease=300)
        self.assertEqual(self.daemon.revert(fault.id).end_detail, "")
        self.assertEqual(self.status(), "ACTIVE")

    def test_killed_it_is_set_active_by_the_next_start(self):
        self.daemon.inject("ecs_drain", lease=300, id="mine")
        self.daemon.kill()
        self.assertEqual(self.status(), "DRAINING")
        self.assertEqual(self.daemon.records(), ["mine.record"])
        self.daemon.start()
        self.wait_for_state("mine", lab.REVERTED)
        self.assertEqual(self.daemon.get("mine").end_reason, fault_pb2.END_REASON_RECOVERY)
        self.assertEqual(self.status(), "ACTIVE")
        self.assertEqual(self.daemon.records(), [])

    def test_of_another_boot_it_is_set_active_all_the_same(self):
        self.daemon.inject("ecs_drain", lease=300, id="mine")
        self.daemon.kill()
        lab.change_record(os.path.join(self.daemon.state, "journal", "mine.record"), boot_id="another boot")
        self.daemon.start()
        self.wait_for_state("mine", lab.REVERTED)
        self.assertEqual(self.status(), "ACTIVE")
        self.assertEqual(self.daemon.records(), [])

    def test_killed_while_the_request_is_under_way(self):
        updates = self.actions().count("UpdateContainerInstancesState")
        # The survey has one look; the change is made, and what looks at it hangs.
        self.aws.set(faults={"ecs": [{}, {}, {}, {}, {"hang": True, "for_ever": True}]})
        stream = self.daemon.faults.InjectFault.future(lab.pb.InjectFaultRequest(
            id="mine", spec=lab.spec("ecs_drain"), duration={"seconds": 300}), timeout=LONG)
        wait_for(lambda: self.status() == "DRAINING", "the change is made")
        self.assertEqual(self.actions().count("UpdateContainerInstancesState"), updates + 1)
        self.daemon.kill()
        stream.cancel()
        self.aws.set(faults={})
        self.daemon.start()
        self.wait_for_state("mine", lab.REVERTED)
        self.assertEqual(self.status(), "ACTIVE")

    def test_while_ecs_is_gone_the_undo_is_tried_and_seen(self):
        fault = self.daemon.inject("ecs_drain", lease=300)
        self.aws.set(faults={"ecs": [{"status": 500, "for_ever": True}]})
        with self.assertRaises(grpc.RpcError) as late:
            self.daemon.faults.RevertFault(lab.pb.RevertFaultRequest(id=fault.id), timeout=1)
        self.assertEqual(late.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        wait_for(lambda: self.daemon.get(fault.id).error.message, "an attempt has failed", LONG)
        self.assertEqual(self.daemon.get(fault.id).state, fault_pb2.FAULT_STATE_REVERTING)
        self.assertEqual(len(self.daemon.records()), 1)
        self.aws.set(faults={})
        self.wait_for_state(fault.id, lab.REVERTED)
        self.assertEqual(self.status(), "ACTIVE")

    def test_guardian_leaves_it_to_the_daemon_and_says_so(self):
        self.daemon.inject("ecs_drain", lease=300, id="mine")
        self.daemon.kill()
        done = subprocess.run([f"{lab.BIN}/faultd-guardian", "--once", "--state-dir", self.daemon.state],
                              capture_output=True, text=True, timeout=lab.DEADLINE)
        self.assertIn("fault mine: ecs_drain needs the network to be reverted", done.stdout)
        self.assertTrue(os.path.exists(os.path.join(self.daemon.state, "journal", "mine.record")))
        self.daemon.start()
        self.wait_for_state("mine", lab.REVERTED)

    def test_past_its_deadline_the_daemon_is_not_taken_for_hanging(self):
        self.aws.set(faults={"ecs": []})
        fault = self.daemon.inject("ecs_drain", lease=1)
        self.aws.set(faults={"ecs": [{"status": 500, "for_ever": True}]})
        pid = self.daemon.process.pid
        # A lease that ends later and is reverted by the same daemon shows that it still lives.
        other = self.daemon.inject("noop", lease=5)
        self.assertEqual(self.daemon.wait_for_end(other.id).end_reason, fault_pb2.END_REASON_LEASE_ENDED)
        self.assertEqual(self.daemon.get(fault.id).state, fault_pb2.FAULT_STATE_REVERTING)
        self.assertEqual(self.daemon.process.pid, pid)
        self.assertIsNone(self.daemon.process.poll())
        self.aws.set(faults={})
        self.wait_for_state(fault.id, lab.REVERTED)


if __name__ == "__main__":
    unittest.main()
