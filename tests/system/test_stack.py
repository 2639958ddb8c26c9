"""The stack itself: what every other system test relies on."""

from __future__ import annotations

from tests.system.stack import COMPONENTS, AirflowStack

DAG_ID = "plain_wait"


def test_every_dag_can_be_read(stack: AirflowStack) -> None:
    stack.wait_for_dag(DAG_ID)
    assert stack.import_errors() == {}


def test_every_component_is_a_process_of_its_own(stack: AirflowStack) -> None:
    assert set(stack.pids) == set(COMPONENTS)
    assert len(set(stack.pids.values())) == len(COMPONENTS)


def test_a_run_goes_through_the_triggerer_and_hands_its_result_on(stack: AirflowStack) -> None:
    run_id = stack.trigger(DAG_ID, {"seconds": 2})
    assert stack.wait(DAG_ID, run_id) == "success"
    assert {ti.task_id: ti.state for ti in stack.task_instances(DAG_ID, run_id)} == {
        "wait": "success",
        "after": "success",
    }
    assert stack.xcom(DAG_ID, run_id, "wait") == {"conf": {"seconds": 2}}
    assert stack.xcom(DAG_ID, run_id, "after") == 1
    assert "Trigger fired event" in stack.log(DAG_ID, run_id, "wait")


def test_a_wait_outlives_a_killed_triggerer(stack: AirflowStack) -> None:
    run_id = stack.trigger(DAG_ID, {"seconds": 15})
    stack.wait_for_task(DAG_ID, run_id, "wait", {"deferred"})
    stack.kill("triggerer")
    assert "triggerer" not in stack.pids
    stack.start_component("triggerer")
    assert stack.wait(DAG_ID, run_id) == "success"


def test_a_wait_outlives_a_restarted_triggerer(stack: AirflowStack) -> None:
    run_id = stack.trigger(DAG_ID, {"seconds": 10})
    stack.wait_for_task(DAG_ID, run_id, "wait", {"deferred"})
    before = stack.pids["triggerer"]
    stack.restart("triggerer")
    assert stack.pids["triggerer"] != before
    assert stack.wait(DAG_ID, run_id) == "success"


def test_a_person_marks_a_waiting_task_failed_and_clears_it_later(stack: AirflowStack) -> None:
    run_id = stack.trigger(DAG_ID, {"seconds": 600})
    stack.wait_for_task(DAG_ID, run_id, "wait", {"deferred"})
    stack.mark(DAG_ID, run_id, "wait", "failed")
    assert stack.wait(DAG_ID, run_id) == "failed"
    assert stack.task_instance(DAG_ID, run_id, "after").state == "upstream_failed"
    stack.clear(DAG_ID, run_id, ["wait"], downstream=True)
    again = stack.wait_for_task(DAG_ID, run_id, "wait", {"deferred"})
    assert again.try_number == 2
    stack.mark(DAG_ID, run_id, "wait", "success")
    stack.wait(DAG_ID, run_id)
    assert stack.task_instance(DAG_ID, run_id, "wait").state == "success"
