"""Instances of groups: how they end, go, come back and wait."""

from query import eventually, fails


def test_terminate_instance_in_auto_scaling_group(autoscaling, group):
    made = group(2, MinSize=1)
    first, second = made.settled("InService", "InService")
    call = autoscaling.terminate_instance_in_auto_scaling_group
    ended = call(InstanceId=first, ShouldDecrementDesiredCapacity=True)["Activity"]
    assert ended["Description"] == f"Terminating EC2 instance: {first}" and ended["StatusCode"] == "InProgress"
    assert ended["Cause"].endswith("in response to a user request, shrinking the capacity from 2 to 1.")
    assert made.settled("InService") == [second]
    fails("ValidationError", call, "desiredSize equals minSize", InstanceId=second, ShouldDecrementDesiredCapacity=True)
    call(InstanceId=second, ShouldDecrementDesiredCapacity=False)
    assert eventually(lambda: made.states() == ["InService"] and made.get()["Instances"][0]["InstanceId"] != second)
    text = "No managed instance found"
    fails("ValidationError", call, text, InstanceId="i-0000000000000000f", ShouldDecrementDesiredCapacity=True)
    fails("ValidationError", call, "shouldDecrementDesiredCapacity", InstanceId=first)


def test_an_instance_that_ec2_terminates_is_replaced(autoscaling, ec2, group):
    made = group(1)
    (first,) = made.settled("InService")
    ec2.terminate_instances(InstanceIds=[first])
    eventually(lambda: made.states() == ["InService"] and made.get()["Instances"][0]["InstanceId"] != first)
    text = "in response to an EC2 health check indicating it has been terminated or stopped."
    assert any(one["Cause"].endswith(text) for one in made.activities())


def test_detach_instances(autoscaling, ec2, group):
    made = group(2)
    first, second = made.settled("InService", "InService")
    call, name = autoscaling.detach_instances, {"AutoScalingGroupName": made.name}
    done = call(InstanceIds=[first], ShouldDecrementDesiredCapacity=True, **name)["Activities"]
    assert done[0]["Description"] == f"Detaching EC2 instance: {first}"
    assert made.settled("InService") == [second]
    found = ec2.describe_instances(InstanceIds=[first])["Reservations"][0]["Instances"][0]
    assert found["State"]["Name"] == "running"
    text = "is not part of Auto Scaling group"
    fails("ValidationError", call, text, InstanceIds=[first], ShouldDecrementDesiredCapacity=True, **name)


def test_attach_instances(autoscaling, ec2, group):
    made = group(0, MaxSize=1)
    run = ec2.run_instances(ImageId="ami-0123456789abcdef0", InstanceType="t3.micro", MinCount=2, MaxCount=2)
    ids = [one["InstanceId"] for one in run["Instances"]]
    status = ec2.describe_instance_status
    eventually(lambda: len(status(InstanceIds=ids)["InstanceStatuses"]) == 2)
    call, name = autoscaling.attach_instances, {"AutoScalingGroupName": made.name}
    call(InstanceIds=ids[:1], **name)
    assert made.settled("InService") == ids[:1]
    assert made.get()["DesiredCapacity"] == 1
    assert made.activities()[0]["Description"] == f"Attaching an existing EC2 instance: {ids[0]}"
    fails("ValidationError", call, "To attach 1 instance(s)", InstanceIds=ids[1:], **name)
    autoscaling.update_auto_scaling_group(MaxSize=3, **name)
    fails("ValidationError", call, "already part of", InstanceIds=ids[:1], **name)
    fails("ValidationError", call, "Invalid Instance ID", InstanceIds=["i-0000000000000000f"], **name)


def test_enter_standby(autoscaling, group):
    made = group(2)
    first, second = made.settled("InService", "InService")
    call, name = autoscaling.enter_standby, {"AutoScalingGroupName": made.name}
    done = call(InstanceIds=[first], ShouldDecrementDesiredCapacity=True, **name)["Activities"]
    assert done[0]["Description"] == f"Moving EC2 instance to Standby: {first}"
    assert done[0]["Cause"].endswith("shrinking the capacity from 2 to 1.")
    made.settled("InService", "Standby")
    fails("ValidationError", call, "not in InService", InstanceIds=[first], ShouldDecrementDesiredCapacity=True, **name)


def test_exit_standby(autoscaling, group):
    made = group(1)
    (first,) = made.settled("InService")
    name = {"AutoScalingGroupName": made.name}
    autoscaling.enter_standby(InstanceIds=[first], ShouldDecrementDesiredCapacity=True, **name)
    made.settled("Standby")
    done = autoscaling.exit_standby(InstanceIds=[first], **name)["Activities"]
    assert done[0]["StatusCode"] == "PreInService" and done[0]["Progress"] == 30
    assert made.settled("InService") == [first]
    fails("ValidationError", autoscaling.exit_standby, "not in Standby", InstanceIds=[first], **name)


def test_set_instance_protection(autoscaling, group):
    made = group(2)
    first, _ = made.settled("InService", "InService")
    call, name = autoscaling.set_instance_protection, {"AutoScalingGroupName": made.name}
    call(InstanceIds=[first], ProtectedFromScaleIn=True, **name)
    autoscaling.set_desired_capacity(DesiredCapacity=0, **name)
    assert made.settled("InService") == [first]
    assert made.get()["Instances"][0]["ProtectedFromScaleIn"] is True
    call(InstanceIds=[first], ProtectedFromScaleIn=False, **name)
    made.settled()
    fails("ValidationError", call, "is not part of", InstanceIds=["i-0000000000000000f"], ProtectedFromScaleIn=True, **name)


def test_set_instance_health(autoscaling, group):
    made = group(1)
    (first,) = made.settled("InService")
    autoscaling.set_instance_health(InstanceId=first, HealthStatus="Unhealthy")
    eventually(lambda: made.states() == ["InService"] and made.get()["Instances"][0]["InstanceId"] != first)
    assert any(one["Cause"].endswith("in response to a user health-check.") for one in made.activities())
    call = autoscaling.set_instance_health
    fails("ValidationError", call, "Valid instance health states", InstanceId=first, HealthStatus="Fine")
    fails("ValidationError", call, "No managed instance found", InstanceId="i-1", HealthStatus="Healthy")


def test_suspend_processes(autoscaling, group):
    made = group(1)
    made.settled("InService")
    call, name = autoscaling.suspend_processes, {"AutoScalingGroupName": made.name}
    call(ScalingProcesses=["Launch"], **name)
    autoscaling.set_desired_capacity(DesiredCapacity=2, **name)
    found = made.get()
    assert [one["ProcessName"] for one in found["SuspendedProcesses"]] == ["Launch"]
    assert len(found["Instances"]) == 1
    fails("ValidationError", call, "not a valid Scaling Process", ScalingProcesses=["Dance"], **name)


def test_resume_processes(autoscaling, group):
    made = group(0)
    name = {"AutoScalingGroupName": made.name}
    autoscaling.suspend_processes(**name)
    assert len(made.get()["SuspendedProcesses"]) == 9
    autoscaling.set_desired_capacity(DesiredCapacity=1, **name)
    autoscaling.resume_processes(**name)
    made.settled("InService")
    assert made.get()["SuspendedProcesses"] == []
    call = autoscaling.resume_processes
    fails("ValidationError", call, "not found", AutoScalingGroupName="nothing")


TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"


def hooked(autoscaling, made, transition, **more):
    names = {"AutoScalingGroupName": made.name, "LifecycleHookName": "hook"}
    autoscaling.put_lifecycle_hook(LifecycleTransition=transition, HeartbeatTimeout=600, **names, **more)
    return names


def test_put_lifecycle_hook(autoscaling, group):
    made = group(0)
    names = hooked(autoscaling, made, LAUNCHING)
    autoscaling.set_desired_capacity(AutoScalingGroupName=made.name, DesiredCapacity=1)
    made.settled("Pending:Wait")
    assert made.activities()[0]["StatusCode"] == "MidLifecycleAction"
    call = autoscaling.put_lifecycle_hook
    fails("ValidationError", call, "Heartbeat timeout", HeartbeatTimeout=1, **names)
    fails("ValidationError", call, "Invalid Lifecycle Transition", LifecycleTransition="x", **names)
    other = {**names, "LifecycleHookName": "other"}
    fails("ValidationError", call, "Transition is required", **other)
    fails("ValidationError", call, "lifecycleHookName", **{**names, "LifecycleHookName": "a b"})


def test_describe_lifecycle_hooks(autoscaling, group):
    made = group(0)
    hooked(autoscaling, made, TERMINATING, DefaultResult="CONTINUE")
    call, name = autoscaling.describe_lifecycle_hooks, {"AutoScalingGroupName": made.name}
    (found,) = call(**name)["LifecycleHooks"]
    assert found["HeartbeatTimeout"] == 600 and found["GlobalTimeout"] == 60_000
    assert found["LifecycleTransition"] == TERMINATING and found["DefaultResult"] == "CONTINUE"
    assert call(LifecycleHookNames=["other"], **name)["LifecycleHooks"] == []
    fails("ValidationError", call, "not found", AutoScalingGroupName="nothing")


def test_delete_lifecycle_hook(autoscaling, group):
    made = group(0)
    names = hooked(autoscaling, made, LAUNCHING)
    autoscaling.set_desired_capacity(AutoScalingGroupName=made.name, DesiredCapacity=1)
    made.settled("Pending:Wait")
    autoscaling.delete_lifecycle_hook(**names)
    made.settled("InService")
    fails("ValidationError", autoscaling.delete_lifecycle_hook, "No Lifecycle Hook found", **names)


def test_complete_lifecycle_action(autoscaling, group):
    made = group(1)
    (first,) = made.settled("InService")
    names = hooked(autoscaling, made, TERMINATING)
    autoscaling.set_desired_capacity(AutoScalingGroupName=made.name, DesiredCapacity=0)
    made.settled("Terminating:Wait")
    call = autoscaling.complete_lifecycle_action
    fails("ValidationError", call, "CONTINUE or ABANDON", LifecycleActionResult="x", InstanceId=first, **names)
    fails("ValidationError", call, "must be given", LifecycleActionResult="CONTINUE", **names)
    call(LifecycleActionResult="CONTINUE", InstanceId=first, **names)
    made.settled()
    text = "No active Lifecycle Action found"
    fails("ValidationError", call, text, LifecycleActionResult="CONTINUE", InstanceId=first, **names)


def test_record_lifecycle_action_heartbeat(autoscaling, group):
    made = group(0)
    names = hooked(autoscaling, made, LAUNCHING)
    autoscaling.set_desired_capacity(AutoScalingGroupName=made.name, DesiredCapacity=1)
    (first,) = made.settled("Pending:Wait")
    call = autoscaling.record_lifecycle_action_heartbeat
    call(InstanceId=first, **names)
    assert made.states() == ["Pending:Wait"]
    fails("ValidationError", call, "No active Lifecycle Action found", InstanceId="i-0000000000000000f", **names)
