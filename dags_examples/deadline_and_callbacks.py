"""
### Tell somebody: when it is late, and when it failed

Three limits, from the inside out. The operator's `timeout` ends the wait: the run at the vendor goes on, and a retry
takes it up again for nothing. `on_failure_callback` speaks when the last retry has failed. The deadline speaks when
the whole DAG run is not done in time, while it goes on.

Needs the connections `sendkit_default` and `smtp_default`, and the Variable `sendkit_agent_id`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import dag
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference

from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator

MAIL = {"from_email": "airflow@example.com", "to": "on-call@example.com"}


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=2),
        callback=AsyncCallback(
            SmtpNotifier,
            kwargs={
                **MAIL,
                "subject": "The agent is not refreshed yet",
                "html_content": "Two hours have passed.",
            },
        ),
    ),
    tags=["knowledge"],
)
def deadline_and_callbacks():
    SendKitRetrainAgentOperator(
        task_id="retrain",
        agent_id="{{ var.value.sendkit_agent_id }}",
        timeout=timedelta(hours=1),
        retries=2,
        retry_delay=timedelta(minutes=1),
        on_failure_callback=SmtpNotifier(
            **MAIL,
            subject="The agent could not be refreshed",
            html_content="{{ exception | e }}",
        ),
    )


deadline_and_callbacks()
