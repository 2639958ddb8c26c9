"""The same five documents under LangChain's ``index`` and under our operator, with the same handles to turn."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from airflow_provider.sources import Document
from tests.integration.rig import Rig
from tests.integration.syncing import Library


@dataclass
class Source:
    """
    What there is to know, and how a night reads it.

    :ivar breaks_after: reading ends with an error after so many documents
    :ivar ends_after: reading just ends after so many, and nobody says why
    """

    texts: dict[str, str] = field(
        default_factory=lambda: {f"{name}.md": f"Text of {name}." for name in "abcde"}
    )
    modified: int = 1
    breaks_after: int | None = None
    ends_after: int | None = None

    def read(self) -> Iterator[tuple[str, str]]:
        for number, pair in enumerate(self.texts.items()):
            if number == self.breaks_after:
                raise OSError("the connection to the source broke off")
            if number == self.ends_after:
                return
            yield pair


class World(Protocol):
    """One of the two, in its night after night."""

    name: str

    def night(self, source: Source) -> str:
        """Run once; return what it said."""

    def live(self) -> list[tuple[str, str]]:
        """Key and text of all that can be answered from."""

    def sent(self) -> Counter[str]:
        """What was done at the destination since the last call."""

    def theirs(self) -> bool:
        """Is somebody else's entry, made before the first night, still there?"""

    # --- what can happen ---------------------------------------------------------------------------------

    def lose_memory(self) -> None:
        """Whatever it keeps of its own is gone."""

    def empty(self) -> None:
        """Somebody deletes our entries."""

    def refuse_next(self) -> None:
        """The next write over or of a changed document is refused, and so is its repetition."""

    def fail_next(self) -> None:
        """The next write is accepted, and comes to nothing."""

    def lose_next_answer(self) -> None:
        """The next write is done, and its answer is lost."""

    def mend(self) -> None:
        """Nothing is wrong any more."""


class LangChain:
    """``langchain_core.indexing.index``, with its own in-memory index and record manager."""

    def __init__(self, cleanup: str = "full", dated: bool = False) -> None:
        warnings.simplefilter("ignore")  # the index is called beta
        from langchain_core.documents import Document as Chunk
        from langchain_core.indexing import InMemoryRecordManager
        from langchain_core.indexing.in_memory import InMemoryDocumentIndex

        class Index(InMemoryDocumentIndex):
            """Does what the event asks of it."""

            mood: str = ""
            added: int = 0
            removed: int = 0

            def upsert(self, items: Any, /, **kwargs: Any) -> Any:
                if self.mood == "refuse":
                    raise RuntimeError("refused")
                if self.mood == "fail":
                    return {"succeeded": [], "failed": [each.id for each in items]}
                self.added += len(items)
                done = super().upsert(items, **kwargs)
                if self.mood == "lose":
                    self.mood = ""
                    raise TimeoutError("no answer")
                return done

            def delete(self, ids: Any = None, **kwargs: Any) -> Any:
                self.removed += len(ids or ())
                return super().delete(ids, **kwargs)

        self.name = f"LangChain `{cleanup}`"
        self.dated = dated
        self.cleanup = cleanup
        self._chunk, self._memory, self._kind = Chunk, InMemoryRecordManager, Index
        self.index: Any = Index()
        self.index.upsert([Chunk(id="theirs", page_content="Not ours.", metadata={"source": "theirs"})])
        self.lose_memory()
        self.sent()

    def night(self, source: Source) -> str:
        from langchain_core.indexing import index

        def chunks() -> Iterator[Any]:
            for key, text in source.read():
                more = {"last_modified": source.modified} if self.dated else {}
                yield self._chunk(page_content=text, metadata={"source": key, **more})

        try:
            told = index(
                chunks(),
                self.records,
                self.index,
                cleanup=self.cleanup,  # type: ignore[arg-type]
                source_id_key="source",
                key_encoder="sha256",
            )
        except Exception as error:
            return f"fails: `{type(error).__name__}`"
        counts = {name.removeprefix("num_"): count for name, count in dict(told).items() if count}
        return "says " + (", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing to do")

    def live(self) -> list[tuple[str, str]]:
        chunks = [chunk for name, chunk in self.index.store.items() if name != "theirs"]
        return [(chunk.metadata["source"], chunk.page_content) for chunk in chunks]

    def sent(self) -> Counter[str]:
        counted = Counter(added=self.index.added, deleted=self.index.removed)
        self.index.added = self.index.removed = 0
        return +counted

    def theirs(self) -> bool:
        return "theirs" in self.index.store

    def lose_memory(self) -> None:
        self.records = self._memory("danger")
        self.records.create_schema()

    def empty(self) -> None:
        for name in set(self.index.store) - {"theirs"}:
            del self.index.store[name]

    def refuse_next(self) -> None:
        self.index.mood = "refuse"

    def fail_next(self) -> None:
        self.index.mood = "fail"

    def lose_next_answer(self) -> None:
        self.index.mood = "lose"

    def mend(self) -> None:
        self.index.mood = ""


class Ours:
    """``SensaySyncKnowledgeBaseOperator`` in Airflow's task runner, against the sandbox."""

    def __init__(self, rig: Rig, scratch: Path, **arguments: Any) -> None:
        self.rig = rig
        self.rig.reset()
        self.library = Library(rig, scratch)
        self.arguments = {"delete_missing": True, "start_grace": 2, **arguments}
        more = ", ".join(f'`{name}="{value}"`' for name, value in arguments.items())
        self.name = f"**ours**{', ' if more else ''}{more}"
        for entry in self.library.entries:
            self._delete(entry.id)
        self._theirs = self.library.seed("Made by hand")
        self.library.forget()

    def night(self, source: Source) -> str:
        read: Callable[[], Any] = lambda: (Document(key=key, text=text) for key, text in source.read())  # noqa: E731
        ended = self.library.task(read, **self.arguments).to_the_end()
        if ended.error is not None:
            return f"fails: `{type(ended.error).__name__}`"
        return "says " + ", ".join(f"{count} {name}" for name, count in ended.result["counts"].items())

    def live(self) -> list[tuple[str, str]]:
        return [(entry.title, entry.text or "") for entry in self.library.ours() if entry.usable]

    def sent(self) -> Counter[str]:
        names = {"POST": "created", "PATCH": "changed", "DELETE": "deleted"}
        done = [each["method"] for each in self.library.asked if (each["status"] or 200) < 400]
        self.library.forget()
        return Counter(names[method] for method in done if method in names)

    def theirs(self) -> bool:
        return any(entry.id == self._theirs for entry in self.library.entries)

    def lose_memory(self) -> None:
        """Each night is a task instance of its own; it has no other memory."""

    def empty(self) -> None:
        for entry in self.library.ours():
            self._delete(entry.id)

    def refuse_next(self) -> None:
        for method in ("POST", "PATCH"):
            self.rig.sandbox.fault("status", method=method, path="knowledge-base", status=500, times=50)

    def fail_next(self) -> None:
        self.rig.sandbox.options(entry_outcome="UNPROCESSABLE")

    def lose_next_answer(self) -> None:
        self.rig.sandbox.fault("lose_answer", method="POST", path="knowledge-base")

    def mend(self) -> None:
        self.rig.sandbox.clear_faults()
        self.rig.sandbox.options(entry_outcome="READY")

    def _delete(self, entry: int) -> None:
        from airflow_provider.hooks.sensay import SensayHook

        SensayHook().delete_entry(self.rig.sandbox.replica_uuid, entry)
