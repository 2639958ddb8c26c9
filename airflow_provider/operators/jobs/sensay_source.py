"""What an entry is created from: a text, a URL or a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from airflow_provider.arguments import Checker
from airflow_provider.errors import AmbiguousWriteError, InvalidArgumentError
from airflow_provider.refresh.record import fingerprint
from airflow_provider.sources.files import read_given
from airflow_provider.sources.values import url_problem
from airflow_provider.sync.kinds import MAX_FILE_BYTES, content_type
from airflow_provider.vendors.sensay.entry import Generation

if TYPE_CHECKING:
    from airflow_provider.hooks.sensay import SensayHook


@dataclass(frozen=True, kw_only=True)
class Source:
    """
    What goes into an entry.

    :param content: the text or the URL; for a file its bytes, read once
    """

    kind: Literal["text", "url", "path"]
    content: str | bytes = field(repr=False)
    filename: str = ""

    def fingerprint(self, title: str | None) -> str:
        """Return a hash of what is sent."""
        content = self.content if isinstance(self.content, str) else hashlib.sha256(self.content).hexdigest()
        return fingerprint([self.kind, content, self.filename, title])

    def create(
        self, hook: SensayHook, replica_uuid: str, title: str | None, spoken: Generation
    ) -> tuple[int, str | None]:
        """Send the create, once; return the new id, and where a file's bytes go."""
        from airflow_provider.vendors.sensay.endpoints import only_result

        if spoken is Generation.TRAINING:
            if self.kind == "text":
                return hook.training_create_entry(replica_uuid), None
            slot = hook.training_file_upload_url(replica_uuid, self.filename)
            if slot.entry_id is None:
                raise AmbiguousWriteError("The vendor made an entry for the file and did not name its id.")
            return slot.entry_id, slot.signed_url
        if self.kind == "text":
            receipt = hook.create_text(replica_uuid, str(self.content), title=title)
        elif self.kind == "url":
            receipt = hook.create_url(replica_uuid, str(self.content), title=title)
        else:
            receipt = hook.create_file(replica_uuid, self.filename, title=title)
        return only_result(receipt.results, self.filename or self.kind)

    def fill(
        self, hook: SensayHook, replica_uuid: str, entry_id: int, signed_url: str | None, spoken: Generation
    ) -> None:
        """Send what the create did not carry."""
        if isinstance(self.content, bytes):
            if signed_url is None:
                raise InvalidArgumentError(f"The vendor gave no upload URL for entry {entry_id}.")
            hook.put_upload(signed_url, self.content, content_type(self.filename))
        elif self.kind == "text" and spoken is Generation.TRAINING:
            hook.training_update_entry(replica_uuid, entry_id, raw_text=self.content)


def read_source(check: Checker, text: object, url: object, path: object) -> Source:
    """Read the one of the three that is given; a file is read here, before anything is sent."""
    given = {
        name: value for name, value in (("text", text), ("url", url), ("path", path)) if value is not None
    }
    if len(given) != 1:
        check.problems.append(f"give exactly one of text, url, path, not {sorted(given) or 'none'}")
        return Source(kind="text", content="")
    ((kind, value),) = given.items()
    wanted = check.text(kind, str(value) if kind == "path" else value)
    if wanted is None:
        return Source(kind="text", content="")
    if kind == "text":
        return Source(kind="text", content=wanted)
    if kind == "url":
        return _read_url(check, wanted.strip())
    return _read_file(check, wanted)


def _read_url(check: Checker, url: str) -> Source:
    if (problem := url_problem(url)) is not None:
        check.problems.append(f"url {problem}")
    return Source(kind="url", content=url)


def _read_file(check: Checker, path: str) -> Source:
    try:
        name, content = read_given(path, MAX_FILE_BYTES)
    except InvalidArgumentError as error:
        check.problems.append(f"path: {error}")
        return Source(kind="path", content=b"")
    return Source(kind="path", content=content, filename=name)
