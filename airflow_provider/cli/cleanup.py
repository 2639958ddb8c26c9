"""What this provider has left in Airflow's Variables: listed, and removed if asked."""

from __future__ import annotations

from dataclasses import dataclass

#: How the names of all our Variables begin.
PREFIX = "agent_knowledge."


@dataclass(frozen=True, slots=True)
class Leftovers:
    """
    What was found.

    :param variables: names, sorted
    :param removed: whether they were removed
    """

    variables: tuple[str, ...]
    removed: bool

    def to_json(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        return {"variables": list(self.variables), "removed": self.removed}


def cleanup(*, apply: bool) -> Leftovers:
    """
    List our Variables in Airflow's metadata database; those of a secrets backend are its own business.

    :param apply: remove them as well
    """
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import delete, select

    with create_session() as session:
        ours = Variable.key.startswith(PREFIX, autoescape=True)
        names = tuple(sorted(session.scalars(select(Variable.key).where(ours))))
        if apply and names:
            session.execute(delete(Variable).where(ours))
    return Leftovers(names, apply)
