"""Creating an entry from a text, a URL or a file, in both generations; not idempotent."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider.arguments import Checker
from airflow_provider.errors import RefreshFailedError
from airflow_provider.http.call import ShapeError
from airflow_provider.refresh.create import Shows
from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.record import fingerprint
from airflow_provider.refresh.submit import WriteReceipt
from airflow_provider.refresh.wait import Rules
from airflow_provider.sources.files import read_given
from airflow_provider.sources.values import url_problem
from airflow_provider.sync.kinds import MAX_FILE_BYTES, content_type
from airflow_provider.vendors.sensay import endpoints, training_endpoints
from airflow_provider.vendors.sensay.entry import RULES, EntryTarget, Generation, reads_back

if TYPE_CHECKING:
    from airflow_provider.http.call import Call

#: What the vendor calls an entry of each source.
_TYPES = {"text": ("text",), "url": ("website", "youtube"), "path": ("file",)}

#: Entries that one page of a search lists.
_PAGE = 100


class NewEntry(EntryTarget):
    """An entry that is still to be made."""

    @property
    def key(self) -> str:
        """As :class:`EntryTarget`'s, with ``new`` in the place of the id."""
        return f"replicas/{self.replica_uuid}/knowledge-base/new"


@dataclass(frozen=True, kw_only=True)
class Source:
    """
    What goes into an entry: exactly one text, URL or file.

    :param value: the text, the URL, or the file's path; a file is read only when it is about to be sent
    """

    kind: Literal["text", "url", "path"] = "text"
    value: str = field(default="", repr=False)

    @classmethod
    def of(cls, check: Checker, text: object, url: object, path: object) -> Source:
        """Read the one of the three that is given; problems are added to ``check``."""
        given = {
            name: each for name, each in (("text", text), ("url", url), ("path", path)) if each is not None
        }
        if len(given) != 1:
            check.problems.append(f"give exactly one of text, url, path, not {sorted(given) or 'none'}")
            return cls()
        if text is not None:
            return cls(value=check.text("text", text) or "")
        if path is not None:
            return cls(kind="path", value=check.text("path", str(path)) or "")
        wanted = (check.text("url", url) or "").strip()
        if wanted and (problem := url_problem(wanted)) is not None:
            check.problems.append(f"url {problem}")
        return cls(kind="url", value=wanted)


@dataclass(kw_only=True)
class Create:
    """
    ``POST …/knowledge-base``; or the older generation's ``POST …/training``, whose content follows by another request.

    :param title: what the vendor's list shows, and what an entry is looked for by
    """

    replica_uuid: str
    source: Source
    title: str | None
    api: Generation
    ready_statuses: tuple[str, ...] = ()
    cost: Decimal = Decimal(0)
    repeatable: bool = False
    answer_needed: bool = True
    rules: Rules = RULES
    _content: bytes | None = field(default=None, repr=False)
    _filename: str = ""

    @property
    def target(self) -> NewEntry:
        """What is still to be made."""
        return NewEntry(self.replica_uuid, 0, self.api, self.ready_statuses)

    @property
    def body(self) -> str:
        """Hash of what is sent; of a file's path and not of its bytes, which are read only to be sent."""
        return fingerprint([self.source.kind, self.source.value, self.title])

    @property
    def generation(self) -> str:
        """The API that is spoken."""
        return self.api.value

    @property
    def url(self) -> str:
        """What the vendor may say is there already."""
        return self.source.value if self.source.kind == "url" else ""

    @property
    def uploads(self) -> bool:
        """Its content is uploaded, to an address that only the create's own answer names."""
        return self.source.kind == "path"

    def entry(self, entry_id: int) -> EntryTarget:
        """What was made."""
        return EntryTarget(self.replica_uuid, entry_id, self.api, self.ready_statuses)

    # --- writing -----------------------------------------------------------------------------------------

    def write(self, baseline: Observation) -> Call[WriteReceipt]:
        """
        Describe the create; a file is read here.

        :raises SourceIncompleteError: the file cannot be read now
        :raises InvalidArgumentError: the vendor would not take it
        """
        replica, source = self.replica_uuid, self.source
        if self.uploads:
            self._filename, self._content = read_given(source.value, MAX_FILE_BYTES)
        if self.api is Generation.TRAINING:
            if self.uploads:
                return training_endpoints.file_upload_url(replica, self._filename).then(_slot)
            return training_endpoints.create_entry(replica).then(lambda made: WriteReceipt(entry_id=made))
        if source.kind == "text":
            created = endpoints.create_text(replica, source.value, title=self.title)
        elif source.kind == "url":
            created = endpoints.create_url(replica, source.value, title=self.title)
        else:
            created = endpoints.create_file(replica, self._filename, title=self.title)
        what = self._filename or source.kind
        return created.then(lambda receipt: _made(*endpoints.only_result(receipt.results, what)))

    def fill(self, entry_id: int, upload_url: str | None) -> Call[None] | None:
        """Describe what the create did not carry: a file's bytes, or the older generation's text."""
        if self.uploads:
            if upload_url is None:
                raise RefreshFailedError(
                    f"The vendor gave no upload URL for entry {entry_id}. A retry creates another one."
                )
            assert self._content is not None
            return endpoints.put_upload(upload_url, self._content, content_type(self._filename))
        if self.api is Generation.TRAINING:
            return training_endpoints.update_entry(self.replica_uuid, entry_id, raw_text=self.source.value)
        return None

    def remove(self, entry_id: int) -> Call[Any]:
        """Describe the removal of an entry of ours that can never become ready."""
        if self.api is Generation.TRAINING:
            return training_endpoints.delete_entry(entry_id)
        return endpoints.delete_entry(self.replica_uuid, entry_id)

    # --- reading -----------------------------------------------------------------------------------------

    def search(self, words: str, page: int) -> Call[Any]:
        """Describe one page of the entries that a search finds, oldest first; too few letters find everything."""
        search = words if len(words) >= endpoints.MIN_SEARCH else None
        return endpoints.list_entries(
            self.replica_uuid, page=page, page_size=_PAGE, search=search, sort_order="asc"
        )

    def listed(self, answer: Any) -> tuple[frozenset[int], frozenset[int], bool]:
        """Read a page: all ids, those of exactly this title, and whether it is surely the last."""
        ids = frozenset(item.id for item in answer.items)
        titled = frozenset(item.id for item in answer.items if item.title == self.title)
        return ids, titled, not ids

    def same_url(self, answer: Any) -> list[int]:
        """Return the ids of the listed entries that read this very URL."""
        return [item.id for item in answer.items if self.url and item.url == self.url]

    def shows(self, answer: Any) -> Shows:
        """Compare what an entry shows with what was sent."""
        if answer.type is not None and str(answer.type) not in _TYPES[self.source.kind]:
            return Shows.OTHERS
        if self.entry(answer.id).observe(answer).idle:
            # Who creates from a text or a URL leaves nothing to wait for; except in the older generation.
            return Shows.EMPTY if self.uploads or self.api is Generation.TRAINING else Shows.OTHERS
        if self.uploads:
            return Shows.OTHERS  # only who created it could upload its bytes
        shown = answer.raw_text if self.source.kind == "text" else answer.url
        if shown is None:
            return Shows.NOTHING
        same = shown == self.source.value or (
            self.source.kind == "text" and reads_back(self.source.value, shown)
        )
        return Shows.OURS if same else Shows.OTHERS

    def refusal(self, answer: Any) -> str | None:
        """A new entry is nobody else's."""
        return None

    def unchanged(self, answer: Any, seen: Observation) -> bool:
        """What is not there yet is no other."""
        return False

    def accepts(self, answer: Any, seen: Observation) -> bool:
        """A new entry has no older end that this could be."""
        return seen.phase is Phase.SUCCEEDED


def _made(entry_id: int, upload_url: str | None) -> WriteReceipt:
    return WriteReceipt(entry_id=entry_id, upload_url=upload_url)


def _slot(slot: Any) -> WriteReceipt:
    if slot.entry_id is None:
        raise ShapeError("it names no id, so the entry that was made for the file cannot be found")
    return _made(slot.entry_id, slot.signed_url)
