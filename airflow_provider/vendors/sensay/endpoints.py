"""
Sensay's current generation, ``/v1/replicas/{replicaUUID}/knowledge-base``, as calls; nothing is sent here.

The vendor refuses unknown members and ``null``; only what is given is sent. https://docs.sensay.io/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from airflow_provider.errors import InvalidArgumentError, RefreshFailedForGoodError
from airflow_provider.http.call import (
    JSON,
    Answer,
    Call,
    ShapeError,
    acknowledged,
    entry_segment,
    given,
    required_text,
    signed_put,
    uuid_segment,
)

if TYPE_CHECKING:
    from airflow_provider.vendors.sensay.models import CreateReceipt, FileTypes, ReplicaPage
    from airflow_provider.vendors.sensay.values import Deletion, Entry, EntryPage

VENDOR = "sensay"
MAX_PAGE_SIZE = 100
REPLICAS_PAGE_SIZE = 24
MIN_SEARCH = 3
MAX_QUESTION = 100_000
#: https://docs.sensay.io/operation/operation-post-v1-replicas-parameter-knowledge-base
URL = re.compile(r"^\S*https?://[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-zA-Z0-9()]+\b\S*$")

_SPOKEN = (
    "This asked generation 'knowledge-base' (the connection's extra 'api' is '{api}'; 'auto' finds out once)"
)
_REPLICA_HINTS = {404: f"Is replica_uuid right, and of this organization? {_SPOKEN}"}
_ENTRY_HINTS = {
    404: f"Is entry_id right, and of this replica? A deleted entry is not found either. {_SPOKEN}"
}
_ASK_HINTS = {404: "Is replica_uuid right, and of this organization or public?"}


def file_types() -> Call[FileTypes]:
    """
    Read which files the vendor takes; free.

    The older generation has no such path, so the answer also tells the generations apart.
    https://docs.sensay.io/operation/operation-get-v1-knowledge-base-file-types
    """
    return Call(
        vendor=VENDOR,
        name="list file types",
        method="GET",
        path="/v1/knowledge-base/file-types",
        reads=_file_types,
        repeatable=True,
    )


def create_text(replica_uuid: str, text: str, *, title: str | None = None) -> Call[CreateReceipt]:
    """
    Create an entry from a text; not de-duplicated by the vendor, so it is sent once.

    https://docs.sensay.io/operation/operation-post-v1-replicas-parameter-knowledge-base
    """
    return _create(replica_uuid, given(title=_title(title), text=required_text(text, "text")))


def create_url(
    replica_uuid: str, url: str, *, title: str | None = None, auto_refresh: bool | None = None
) -> Call[CreateReceipt]:
    """
    Create an entry from a public page or a YouTube video; a playlist makes one entry for each video.

    409: the replica has this URL already; the answer does not say under which id.

    :param auto_refresh: the vendor reads the page again by itself
    """
    if (why := unusable_url(required_text(url, "url"))) is not None:
        raise InvalidArgumentError(f"url {why}; nothing was sent")
    return _create(replica_uuid, given(title=_title(title), url=url, autoRefresh=auto_refresh))


def unusable_url(url: str) -> str | None:
    """Say why the vendor's own pattern would refuse an address; None: it would not."""
    if re.search(r"\s", url) or not url.isprintable():
        return "must not hold blanks or control characters: write %20 for a blank"
    if not url.startswith(("http://", "https://")):
        return "must begin with http:// or https://, in lower case"
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    if not host.isascii():
        return "has a host name that is not ASCII: write it as xn--…"
    if "." not in host.strip("."):
        return "needs a host name with a dot, such as www.example.com"
    return None if URL.match(url) else "is no address that the vendor takes"


def create_file(replica_uuid: str, filename: str, *, title: str | None = None) -> Call[CreateReceipt]:
    """
    Create an entry for a file; its bytes then go to the ``signed_url`` of the result by :func:`put_upload`.

    The entry exists from now on, and stays ``NEW`` if nothing is uploaded: delete it then.
    """
    return _create(replica_uuid, given(title=_title(title), filename=required_text(filename, "filename")))


def put_upload(signed_url: str, content: bytes, content_type: str) -> Call[None]:
    """
    PUT a file's bytes to its signed URL; none of our headers goes there.

    The URL is good for about two hours and for one success.

    :param content_type: the real MIME type of the file
    """
    return signed_put(VENDOR, signed_url, content, content_type)


def list_entries(
    replica_uuid: str,
    *,
    page: int = 1,
    page_size: int = MAX_PAGE_SIZE,
    status: str | None = None,
    type: str | None = None,
    search: str | None = None,
    has_error: bool | None = None,
    sort_order: Literal["asc", "desc"] | None = None,
) -> Call[EntryPage]:
    """
    Read one page of entries, without their texts.

    While walking pages use ``sort_order="asc"``: newest first, an entry created meanwhile shifts them all.
    https://docs.sensay.io/operation/operation-get-v1-replicas-parameter-knowledge-base

    :param page_size: at most 100; 0 asks for the total only
    :param status: one status; how several are written is not documented
    :param search: at least 3 characters, looked for in title, file name and URL; compare the finds yourself
    """
    if page < 1 or not 0 <= page_size <= MAX_PAGE_SIZE:
        raise InvalidArgumentError(
            f"page must be at least 1 and page_size 0 to {MAX_PAGE_SIZE}; nothing was sent"
        )
    if search is not None and len(search) < MIN_SEARCH:
        raise InvalidArgumentError(f"search must have at least {MIN_SEARCH} characters; nothing was sent")
    wanted = {
        "page": str(page),
        "pageSize": str(page_size),
        "status": status,
        "type": type,
        "search": search,
        "hasError": None if has_error is None else str(has_error).lower(),
        "sortOrder": sort_order,
    }
    return Call(
        vendor=VENDOR,
        name="list knowledge-base entries",
        hints=_REPLICA_HINTS,
        method="GET",
        path=_path(replica_uuid),
        query={name: value for name, value in wanted.items() if value is not None},
        reads=_page,
        repeatable=True,
    )


def get_entry(replica_uuid: str, entry_id: int | str) -> Call[Entry]:
    """
    Read one entry.

    https://docs.sensay.io/operation/operation-get-v1-replicas-parameter-knowledge-base-parameter
    """
    return Call(
        vendor=VENDOR,
        name="get knowledge-base entry",
        hints=_ENTRY_HINTS,
        method="GET",
        path=_entry_path(replica_uuid, entry_id),
        reads=_entry,
        repeatable=True,
    )


def update_entry(
    replica_uuid: str, entry_id: int | str, *, raw_text: str | None = None, title: str | None = None
) -> Call[None]:
    """
    Replace the text or the title of an entry; the same twice is the same once, so it may be repeated.

    The answer holds no entry, and the entry may still read ``READY`` for a while afterwards.
    https://docs.sensay.io/operation/operation-patch-v1-replicas-parameter-knowledge-base-parameter
    """
    if raw_text is None and title is None:
        raise InvalidArgumentError("Nothing to change in the entry: give raw_text or title; nothing was sent")
    if raw_text is not None:
        required_text(raw_text, "raw_text")
    return Call(
        vendor=VENDOR,
        name="update knowledge-base entry",
        hints=_ENTRY_HINTS,
        method="PATCH",
        path=_entry_path(replica_uuid, entry_id),
        body=given(rawText=raw_text, title=_title(title)),
        reads=acknowledged,
        repeatable=True,
    )


def delete_entry(replica_uuid: str, entry_id: int | str) -> Call[Deletion]:
    """
    Delete an entry: done (200), or accepted (202) and done within 24 hours; 404 if it is gone already.

    https://docs.sensay.io/operation/operation-delete-v1-replicas-parameter-knowledge-base-parameter
    """
    return Call(
        vendor=VENDOR,
        name="delete knowledge-base entry",
        hints=_ENTRY_HINTS,
        method="DELETE",
        path=_entry_path(replica_uuid, entry_id),
        reads=_deletion,
        repeatable=True,
    )


def list_replicas(*, page: int = 1, page_size: int = REPLICAS_PAGE_SIZE) -> Call[ReplicaPage]:
    """
    Read one page of replicas: all of the organization, or with a user id that user's and the public ones; free.

    Mind the vendor's spelling: ``page_size`` here, ``pageSize`` in the list of entries.
    https://docs.sensay.io/operation/operation-get-v1-replicas

    :param page_size: the vendor's own default; its maximum is not documented
    """
    if page < 1 or page_size < 1:
        raise InvalidArgumentError("page and page_size must be at least 1; nothing was sent")
    return Call(
        vendor=VENDOR,
        name="list replicas",
        method="GET",
        path="/v1/replicas",
        query={"page": str(page), "page_size": str(page_size)},
        reads=_replicas,
        repeatable=True,
    )


def ask(replica_uuid: str, content: str, *, skip_chat_history: bool = True) -> Call[str]:
    """
    Ask a replica; the answer varies from time to time, and may count against a quota, so it is sent once.

    https://docs.sensay.io/operation/operation-post-v1-replicas-parameter-chat-completions

    :param skip_chat_history: neither use nor keep the conversation
    """
    if len(required_text(content, "question")) > MAX_QUESTION:
        raise InvalidArgumentError(f"A question has at most {MAX_QUESTION} characters; nothing was sent")
    return Call(
        vendor=VENDOR,
        name="ask replica",
        hints=_ASK_HINTS,
        method="POST",
        path=f"/v1/replicas/{uuid_segment(replica_uuid, 'replica_uuid')}/chat/completions",
        body={"content": content, "skip_chat_history": skip_chat_history},
        reads=_reply,
        repeatable=False,
    )


def _path(replica_uuid: str) -> str:
    return f"/v1/replicas/{uuid_segment(replica_uuid, 'replica_uuid')}/knowledge-base"


def _entry_path(replica_uuid: str, entry_id: int | str) -> str:
    return f"{_path(replica_uuid)}/{entry_segment(entry_id)}"


def _title(title: str | None) -> str | None:
    return None if title is None else required_text(title, "title")


def _create(replica_uuid: str, body: dict[str, JSON]) -> Call[CreateReceipt]:
    return Call(
        vendor=VENDOR,
        name="create knowledge-base entry",
        hints=_REPLICA_HINTS,
        method="POST",
        path=_path(replica_uuid),
        body=body,
        reads=_created,
        repeatable=False,
    )


def _file_types(answer: Answer) -> FileTypes:
    from airflow_provider.http.payload import body_of, read
    from airflow_provider.vendors.sensay.models import FileTypes

    body = body_of(answer)
    if "success" not in body:  # some other server's JSON must not pass for this vendor's
        raise ShapeError("the answer has no success")
    return read(FileTypes, body)


def _created(answer: Answer) -> CreateReceipt:
    from airflow_provider.http.payload import read
    from airflow_provider.vendors.sensay.models import CreateReceipt

    # Not body_of(): what success says when some of several results failed is not documented.
    receipt = read(CreateReceipt, answer.json)
    if not receipt.results:
        raise ShapeError("results is missing or empty")
    return receipt


def _page(answer: Answer) -> EntryPage:
    from airflow_provider.http.payload import body_of, read
    from airflow_provider.vendors.sensay.models import KnowledgeBasePage
    from airflow_provider.vendors.sensay.values import EntryPage

    page = read(KnowledgeBasePage, body_of(answer))
    return EntryPage(tuple(item.entry() for item in page.items), page.total)


def _entry(answer: Answer) -> Entry:
    from airflow_provider.http.payload import body_of, read
    from airflow_provider.vendors.sensay.models import KnowledgeBaseEntry

    return read(KnowledgeBaseEntry, body_of(answer)).entry()


def _deletion(answer: Answer) -> Deletion:
    from airflow_provider.vendors.sensay.values import Deletion

    acknowledged(answer)
    return Deletion.ACCEPTED if answer.status == 202 else Deletion.DELETED


def _replicas(answer: Answer) -> ReplicaPage:
    from airflow_provider.http.payload import body_of, read
    from airflow_provider.vendors.sensay.models import ReplicaPage

    return read(ReplicaPage, body_of(answer))


def _reply(answer: Answer) -> str:
    from airflow_provider.http.payload import body_of, read
    from airflow_provider.vendors.sensay.models import Reply

    reply: Any = read(Reply, body_of(answer)).content
    if reply is None:
        raise ShapeError("content is missing")
    return str(reply)


def only_result(results: Any, what: str) -> tuple[int, str | None]:
    """
    Read the one result of a create.

    :raises RefreshFailedForGoodError: the vendor refused it inside a multi-status success, or made several
    """
    if len(results) == 1 and results[0].enqueued is not False and results[0].knowledge_base_id is not None:
        return results[0].knowledge_base_id, results[0].signed_url
    made = [each.knowledge_base_id for each in results if each.knowledge_base_id is not None]
    causes = "; ".join(each.error or "refused without a reason" for each in results if each.enqueued is False)
    if made:
        raise RefreshFailedForGoodError(
            f"The create of {what} made the entries {made}{': ' + causes if causes else ''}. One was expected. They "
            "stay; it is not tried again."
        )
    raise RefreshFailedForGoodError(
        f"The vendor refused {what}: {causes or 'it named no entry'}. Nothing was created; it is not tried again."
    )
