"""
### A person sees what would change before it does

`plan` compares folder and replica, and sends nothing. If there is something to do, a person reads the plan and
approves or rejects it, by Airflow's own `ApprovalOperator`. `apply` then does what was approved and nothing else: if
folder or replica changed meanwhile, it refuses.

Needs the connection `sensay_default` and the Variables `sensay_replica_uuid` and `knowledge_folder`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, task

from airflow_provider.operators.sensay import SensaySyncKnowledgeBaseOperator

WHAT = {
    "replica_uuid": "{{ var.value.sensay_replica_uuid }}",
    "documents": "{{ var.value.knowledge_folder }}",
    "delete_missing": True,
}


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def plan_approve_apply():
    plan = SensaySyncKnowledgeBaseOperator(task_id="plan", dry_run=True, **WHAT)

    @task.short_circuit
    def anything_to_do(result: dict) -> bool:
        return result["changes"]

    approve = ApprovalOperator(
        task_id="approve",
        subject="Change what the replica knows?",
        body="{{ ti.xcom_pull('plan')['reason'] }}. Each document stands in the log of the task *plan*.",
    )
    # In brackets stands an XCom of its own, not a member of the result.
    apply = SensaySyncKnowledgeBaseOperator(task_id="apply", expect_plan=plan.output["plan"], **WHAT)

    anything_to_do(plan.output) >> approve >> apply


plan_approve_apply()
