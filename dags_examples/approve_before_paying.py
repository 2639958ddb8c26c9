"""
### A person says yes before credits are spent

The first task asks what a retrain would do (`dry_run`: it reads, decides, and pays nothing). A person then sees the
plan in the UI and approves or rejects it, by Airflow's own `ApprovalOperator`. Only after *Approve* the retrain is
sent. After *Reject* it is skipped, and so is everything that follows.

Needs the connection `sendkit_default` and the Variable `sendkit_agent_id`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag

from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator

AGENT = "{{ var.value.sendkit_agent_id }}"


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def approve_before_paying():
    plan = SendKitRetrainAgentOperator(task_id="plan", agent_id=AGENT, dry_run=True)
    approve = ApprovalOperator(
        task_id="approve",
        subject="Retrain the agent?",
        body="{{ ti.xcom_pull('plan')['target'] }}: {{ ti.xcom_pull('plan')['reason'] }}",
    )
    retrain = SendKitRetrainAgentOperator(task_id="retrain", agent_id=AGENT, max_credits=10)

    plan >> approve >> retrain


approve_before_paying()
