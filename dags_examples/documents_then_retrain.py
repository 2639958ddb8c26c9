"""
### Documents first, then the retrain they need

Every night the agent gets the PDF, DOCX and TXT files of a folder as its documents: new ones, another version of those
that changed, and no more of those that are gone. Then the agent is retrained, which costs 10 credits, unless no
document changed: `version` names all of them, and a version that was delivered is not paid again.

Needs the connection `sendkit_default` and the Variables `sendkit_agent_id` and `documents_folder`: an address with a
glob, such as `s3://aws_default@handbooks/shop/**/*`, where `aws_default` is the connection to the bucket.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task

from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator, SendKitSyncDocumentsOperator

AGENT = "{{ var.value.sendkit_agent_id }}"


@dag(
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def documents_then_retrain():
    sync = SendKitSyncDocumentsOperator(
        task_id="sync",
        agent_id=AGENT,
        documents="{{ var.value.documents_folder }}",
        delete_missing=True,
    )

    # In brackets stands an XCom of its own, not a member of the result.
    retrain = SendKitRetrainAgentOperator(task_id="retrain", agent_id=AGENT, version=sync.output["version"])

    @task
    def announce(synced: dict, retrained: dict) -> str:
        """Runs only after the agent knows the documents."""
        counts = ", ".join(f"{count} {what}" for what, count in synced["counts"].items())
        return f"{counts}; {retrained['outcome']} for {retrained['credits_charged']:g} credits."

    announce(sync.output, retrain.output)


documents_then_retrain()
