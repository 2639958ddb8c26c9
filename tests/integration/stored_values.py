"""
Writes what comes of hostile answers into Airflow's own tables, and reads it again; run as a process of its own.

``AIRFLOW__DATABASE__SQL_ALCHEMY_CONN`` names the database, which is created empty. Says how many values it stored.
"""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.unit.http.test_harmless import REPLICA, everything, read

HOSTILE = [
    "The page \ud83d",
    "\ude00 half",
    "The site\x00could not be crawled",
    "a\nb\x1b[31m forged",
    "\u202eturned",
    "x" * 100_000,
    "emoji \U0001f600 and \u00e9",
    "\ufffe\uffff\U0010ffff",
]


def agent(text: str) -> dict[str, Any]:
    return {
        "success": True,
        "data": {
            "_id": "a",
            "trainingStatus": "failed",
            "trainingError": text,
            "uploadedDocuments": [{"fileName": text, "fileKey": text, "status": "failed"}],
            "knowledgeBase": {"lastScrapedAt": text, "totalPages": 2**63 - 1},
        },
        "meta": {"creditsCharged": 10, "jobs": [{"id": text, "type": text}]},
    }


def values() -> list[tuple[str, Any]]:
    """Return what travels with each hostile answer, by a name."""
    from airflow_provider import errors
    from airflow_provider.texts import word
    from airflow_provider.vendors.sendkit import endpoints as sendkit
    from airflow_provider.vendors.sendkit.agent import AgentTarget
    from airflow_provider.vendors.sensay import endpoints as sensay
    from airflow_provider.vendors.sensay.entry import EntryTarget, Generation

    found: list[tuple[str, Any]] = []
    for number, text in enumerate(HOSTILE):
        answered = json.dumps(agent(text)).encode()
        receipt = read(sendkit.retrain("a"), answered, 202)
        jobs = tuple(word(f"{job.type}:{job.id}", 100) for job in receipt.jobs)
        seen = AgentTarget("a").observe(read(sendkit.get_agent("a"), answered))
        found += [(f"agent {number}", each) for each in everything(seen, jobs, Decimal(10), "sendkit")]
        entry = {
            "success": True,
            "id": 7,
            "status": text,
            "updatedAt": text,
            "error": {"message": text},
            "title": text,
        }
        observed = EntryTarget(REPLICA, 7, Generation.KNOWLEDGE_BASE).observe(
            read(sensay.get_entry(REPLICA, 7), json.dumps(entry).encode())
        )
        found += [(f"entry {number}", each) for each in everything(observed, (), Decimal(0), "sensay")]
        reply = json.dumps({"success": True, "content": text}).encode()
        found.append((f"reply {number}", {"answer": read(sensay.ask(REPLICA, "q"), reply)}))
        refusal = read(sendkit.retrain("a"), json.dumps({"message": text, "error_code": text}).encode(), 500)
        assert isinstance(refusal, errors.ApiError)
        found.append((f"refusal {number}", refusal.to_json()))
    return found


def main() -> None:
    """Store each value as an event, an XCom, a Variable and a task's state; read it again, and compare."""
    import msgspec
    from airflow.models import base, import_all_models
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.models.variable import Variable
    from airflow.models.xcom import XComModel
    from airflow.serialization.serialized_objects import BaseSerialization
    from airflow.settings import Session, engine
    from airflow.triggers.base import TriggerEvent
    from sqlalchemy import insert, select, text

    assert engine is not None
    assert Session is not None
    import_all_models()
    base.Base.metadata.create_all(engine)
    tables = base.Base.metadata.tables
    with Session() as session:
        if engine.dialect.name == "postgresql":
            session.execute(
                text("SET session_replication_role = replica")
            )  # rows of other tables are no matter here
        common = {"dag_id": "d", "run_id": "r"}
        session.execute(
            insert(tables["dag_run"]).values(
                id=1, run_type="manual", span_status="not_started", run_after=datetime.now(UTC), **common
            )
        )
        for number, (name, value) in enumerate(values()):
            piped = msgspec.msgpack.decode(msgspec.msgpack.encode(value))
            assert piped == value, name
            trigger = Trigger(classpath="a.b.C", kwargs={"baseline": value})
            session.add(trigger)
            session.flush()
            session.execute(
                insert(tables["task_instance"]).values(
                    id=uuid.uuid4(),
                    task_id=f"t{number}",
                    map_index=-1,
                    max_tries=0,
                    pool="p",
                    span_status="not_started",
                    state="deferred",
                    trigger_id=trigger.id,
                    next_method="execute_complete",
                    next_kwargs={},
                    **common,
                )
            )
            Trigger.submit_event(trigger.id, TriggerEvent(value), session=session)
            XComModel.set(
                "return_value", value, task_id=f"t{number}", dag_id="d", run_id="r", session=session
            )
            Variable.set(f"v{number}", json.dumps(value), session=session)
            if "task_state_store" in tables:
                session.execute(
                    insert(tables["task_state_store"]).values(
                        dag_run_id=1,
                        task_id=f"t{number}",
                        map_index=-1,
                        key="k",
                        value=json.dumps(value),
                        **common,
                    )
                )
            session.commit()
            session.expire_all()
            task = session.scalars(select(TaskInstance).where(TaskInstance.task_id == f"t{number}")).one()
            resumed: Any = task.next_kwargs
            if "__type" in resumed:  # as Airflow 3.1 writes it
                resumed = BaseSerialization.deserialize(resumed)
            assert resumed["event"] == value, name
            stored = session.execute(
                select(tables["xcom"].c.value).where(tables["xcom"].c.task_id == f"t{number}")
            )
            assert json.loads(stored.scalar_one()) == value, name
            again = session.get(Trigger, trigger.id)
            assert again is not None
            assert again.kwargs == {"baseline": value}, name
    sys.stdout.write(f"stored {len(values())} values\n")


if __name__ == "__main__":
    main()
