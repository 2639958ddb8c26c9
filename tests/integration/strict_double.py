"""
Both vendors, played from their reference pages alone, and strictly.

It shares no code with the sandbox, knows nothing that the pages do not show, and refuses all that they do not
allow; every refusal is remembered as a breach, so that a test can demand that there was none. What the pages leave
open can be bent: how late the list is, how long a ``READY`` lingers, how an answer gets lost.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

STATUSES = ("NEW", "FILE_UPLOADED", "RAW_TEXT", "PROCESSED_TEXT", "VECTOR_CREATED", "READY", "UNPROCESSABLE")
TYPES = ("file", "text", "website", "youtube")
CREATE = {"title": str, "text": str, "url": str, "autoRefresh": bool, "filename": str}
CHANGE = {
    "rawText": str,
    "title": str,
    "generatedTitle": str,
    "summary": str,
    "language": str,
    "generatedFacts": list,
    "rawTextChunks": list,
    "website": dict,
    "youtube": dict,
    "file": dict,
    "error": dict,
}
QUERY = ("status", "type", "search", "hasError", "page", "pageSize", "sortBy", "sortOrder")
PLAIN = {
    "host",
    "user-agent",
    "accept",
    "accept-encoding",
    "connection",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
}
MIME = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "txt": "text/plain",
}


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


@dataclass
class Step:
    """What an entry is from some time on."""

    at: float
    status: str
    error: dict[str, str] | None = None


@dataclass
class Entry:
    """One entry and its history."""

    id: int
    kind: str
    born: float
    titles: list[tuple[float, str | None]]
    texts: list[tuple[float, str | None]]
    steps: list[Step]
    stamps: list[float]
    url: str | None = None
    filename: str | None = None
    bytes_: bytes | None = None
    gone: float | None = None
    asked_to_go: float | None = None
    owner: str = "client"

    def title(self, at: float) -> str | None:
        return next((title for since, title in reversed(self.titles) if since <= at), self.titles[0][1])

    @property
    def text(self) -> str | None:
        return self.texts[-1][1]

    def step(self, at: float) -> Step:
        return next((step for step in reversed(self.steps) if step.at <= at), self.steps[0])

    def updated(self, at: float) -> float:
        return max([stamp for stamp in self.stamps if stamp <= at] or [self.born])

    def shown(self, at: float) -> bool:
        return self.born <= at and (self.gone is None or at < self.gone)


@dataclass
class Bent:
    """What the pages leave open."""

    step: float = 0.1  # seconds of each status
    instant: bool = False  # READY in the POST's wake
    linger: float = 0.0  # seconds for which READY stays after a PATCH
    unmoved: bool = False  # READY never leaves, and updatedAt is stamped at the write only
    list_lag: float = 0.0  # the list shows the world as it was so long ago
    newest_first: bool = False  # whatever sortOrder says
    strangers: int = 0  # so many entries of others appear, one after each page
    total_off: int = 0  # for the first so many list requests the total is off by one
    search: str = "contains"  # or cased, prefix
    title_cut: int = 0
    accepts_deletes: float = 0.0  # 202, and so many seconds in the list
    ends: dict[str, str] = field(default_factory=dict)  # text fragment -> UNPROCESSABLE | STUCK | other word
    url_life: float = 7200.0
    max_body: int = 4_500_000
    not_enqueued: str = ""  # text fragment
    top_success: bool = True
    document: float = 0.2
    documents: str = "list"  # null, missing
    document_ends: dict[str, str | None] = field(default_factory=dict)  # name fragment -> status
    document_lag: float = 0.0
    slash_keys: bool = True
    delete_404: bool = False


@dataclass
class Fault:
    """
    Something that befalls requests.

    :param method: of the request
    :param path: pattern of its path
    :param how: a status, ``reset_before`` or ``reset_after``; ``html`` adds an HTML body
    :param times: how often; -1 for ever
    :param skip: after how many
    """

    method: str
    path: str
    how: int | str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    skip: int = 0

    def hits(self, method: str, path: str) -> bool:
        if self.times == 0 or method != self.method or not re.search(self.path, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Seen:
    """One request."""

    at: float
    host: str
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any
    status: int | str = 0

    def __str__(self) -> str:
        return f"{self.method} {self.path}{dict(self.query) or ''} -> {self.status}"


class Refusal(Exception):
    """The client broke a rule of the pages."""

    def __init__(self, status: int, words: str, *, breach: bool = True, extra: dict[str, Any] | None = None):
        super().__init__(words)
        self.status, self.words, self.breach, self.extra = status, words, breach, extra or {}


class World:
    """Both vendors and their storage host, in one process."""

    def __init__(self) -> None:
        self.replica = str(uuid.uuid4())
        self.agent = "664a1b2c3d4e5f6a7b8c9d0e"
        self.secret = "strict-org-secret"
        self.api_key = "sk_live_0123456789abcdef"
        self.bent = Bent()
        self.faults: list[Fault] = []
        self.requests: list[Seen] = []
        self.breaches: list[str] = []
        self.entries: dict[int, Entry] = {}
        self.slots: dict[str, dict[str, Any]] = {}
        self.documents: list[dict[str, Any]] = []
        self.hooks: list[Callable[[Seen], None]] = []
        self.lock = threading.RLock()
        self._ids = iter(range(1000, 10**6))
        self.vendor = self.storage = ""
        self._servers: list[ThreadingHTTPServer] = []

    # --- life --------------------------------------------------------------------------------------------

    def __enter__(self) -> World:
        self.vendor, self.storage = self._serve("vendor"), self._serve("storage")
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _serve(self, host: str) -> str:
        world = self

        class Handler(_Handler):
            def answer(self) -> None:
                world.answer(self, host)

        server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self._servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    # --- looking in --------------------------------------------------------------------------------------

    def live(self) -> list[Entry]:
        now = time.time()
        return [entry for entry in self.entries.values() if entry.shown(now) and entry.asked_to_go is None]

    def count(self, method: str, pattern: str = "") -> int:
        return sum(each.method == method and bool(re.search(pattern, each.path)) for each in self.requests)

    def seed(self, title: str | None, text: str = "theirs", status: str = "READY", **more: Any) -> Entry:
        now = time.time() - 1000
        entry = self._entry(more.pop("kind", "text"), title, text, now, [Step(now, status)], **more)
        entry.owner = "stranger"
        return entry

    def _entry(
        self, kind: str, title: str | None, text: str | None, at: float, steps: list[Step], **more: Any
    ) -> Entry:
        entry = Entry(next(self._ids), kind, at, [(at, title)], [(at, text)], steps, [at], **more)
        self.entries[entry.id] = entry
        return entry

    def seed_document(self, name: str, status: str | None = "completed") -> dict[str, Any]:
        key = f"foreign/{uuid.uuid4()}"
        document = {
            "fileName": name,
            "fileKey": key,
            "fileUrl": f"https://r2.example/{key}",
            "fileType": "pdf",
            "fileSize": 3,
            "uploadedAt": iso(time.time() - 5000),
            "status": status,
            "_from": 0.0,
            "_foreign": True,
        }
        self.documents.append(document)
        return document

    # --- one request -------------------------------------------------------------------------------------

    def answer(self, handler: _Handler, host: str) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length") or 0)
        raw = handler.rfile.read(length) if length else b""
        headers = {name.lower(): value for name, value in handler.headers.items()}
        query = parse_qsl(parts.query, keep_blank_values=True)
        seen = Seen(time.time(), host, handler.command, parts.path, query, headers, raw)
        with self.lock:
            if len(raw) < length:  # the client died while it sent
                return
            self.requests.append(seen)
            for hook in self.hooks:
                hook(seen)
            fault = next((each for each in self.faults if each.hits(seen.method, seen.path)), None)
            if fault is not None and fault.how == "reset_before":
                seen.status = "reset_before"
                handler.reset()
                return
            if fault is not None and isinstance(fault.how, int):
                status, body, more = fault.how, fault.body, fault.headers
            else:
                status, body, more = self._judged(seen)
            seen.status = status
            if fault is not None and fault.how == "reset_after":
                seen.status = f"{status}, reset_after"
                handler.reset()
                return
            if fault is not None and fault.how == "html_after":
                status, body = 502, "<html>Bad gateway</html>"
                seen.status = f"{seen.status}, 502"
        handler.reply(status, body, more)

    def _judged(self, seen: Seen) -> tuple[int, Any, dict[str, str]]:
        try:
            if seen.host == "storage":
                return (*self._stored(seen), {})
            if seen.path.startswith("/v1/agents"):
                return (*self._sendkit(seen), {})
            return (*self._sensay(seen), {"X-API-Version": seen.headers.get("x-api-version", "2025-03-25")})
        except Refusal as refusal:
            if refusal.breach:
                self.breaches.append(
                    f"{seen.method} {seen.path} {seen.query}: {refusal.status} {refusal.words}"
                )
            if seen.path.startswith("/v1/agents"):
                return (
                    refusal.status,
                    {"error": "Error", "message": refusal.words, "code": refusal.status},
                    {},
                )
            told = {
                "success": False,
                "error": refusal.words,
                "request_id": "xyz1::reg1:reg1::ab3c4-1-0",
                **refusal.extra,
            }
            return refusal.status, told, {}

    def _headers(self, seen: Seen, allowed: set[str]) -> None:
        strange = set(seen.headers) - PLAIN - allowed
        if strange:
            raise Refusal(400, f"unknown headers {sorted(strange)}")
        if seen.headers.get("content-type", "").split(";")[0] != "application/json":
            raise Refusal(415, "Content-Type is missing")

    def _body(
        self, seen: Seen, members: Mapping[str, type], required: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        if len(seen.body) > self.bent.max_body:
            raise Refusal(413, "FUNCTION_PAYLOAD_TOO_LARGE", breach=False)
        try:
            body = json.loads(seen.body)
        except ValueError:
            raise Refusal(400, "the body is no JSON") from None
        if not isinstance(body, dict):
            raise Refusal(400, "the body is no object")
        for name, value in body.items():
            if name not in members:
                raise Refusal(400, f"unknown member {name}")
            if type(value) is not members[name]:
                raise Refusal(400, f"{name} is {type(value).__name__}")
            if value == "" and name != "title":
                raise Refusal(400, f"{name} is empty")
        if missing := [name for name in required if name not in body]:
            raise Refusal(400, f"{missing} are missing")
        seen.body = body
        return body

    def _no_body(self, seen: Seen) -> None:
        if seen.body:
            raise Refusal(400, "a body where none is documented")

    # --- Sensay ------------------------------------------------------------------------------------------

    def _sensay(self, seen: Seen) -> tuple[int, Any]:
        self._headers(seen, {"x-organization-secret", "x-user-id", "x-user-id-type", "x-api-version"})
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", seen.headers.get("x-api-version", "2025-03-25")):
            raise Refusal(400, "X-API-Version is no date")
        if seen.headers.get("x-organization-secret") != self.secret:
            raise Refusal(401, "Unauthorized", breach=False)
        if (seen.method, seen.path) == ("GET", "/v1/knowledge-base/file-types"):
            return 200, {"success": True, "mediaGroups": []}
        found = re.fullmatch(
            r"/v1/replicas/([^/]+)/(knowledge-base(?:/([^/]+))?|chat/completions)", seen.path
        )
        if not found:
            raise Refusal(404, "no such path")
        if found[1] != self.replica:
            raise Refusal(404, "no such replica", breach=False)
        if seen.query and (seen.method, found[3]) != ("GET", None):
            raise Refusal(400, f"unknown query {seen.query}")
        if found[2].startswith("chat"):
            body = self._body(
                seen,
                {"content": str, "skip_chat_history": bool, "source": str, "discord_data": dict},
                ("content",),
            )
            return 200, {"success": True, "content": f"Answer to {body['content']}"}
        match seen.method, found[3]:
            case "GET", None:
                return self._list(seen)
            case "POST", None:
                return self._create(seen)
            case "GET", id_:
                entry = self._known(id_)
                self._no_body(seen)
                return 200, {"success": True, **self._told(entry, time.time(), whole=True)}
            case "PATCH", id_:
                return self._change(seen, self._known(id_))
            case "DELETE", id_:
                self._no_body(seen)
                return self._delete(self._known(id_))
        raise Refusal(405, "no such method")

    def _known(self, id_: str) -> Entry:
        if not re.fullmatch(r"\d+", id_):
            raise Refusal(400, "knowledgeBaseID is no number")
        entry = self.entries.get(int(id_))
        if entry is None or not entry.shown(time.time()):
            raise Refusal(404, "Not found", breach=False)
        return entry

    def _list(self, seen: Seen) -> tuple[int, Any]:
        self._no_body(seen)
        names = [name for name, _ in seen.query]
        if set(names) - set(QUERY) or len(set(names)) != len(names):
            raise Refusal(400, f"unknown or repeated parameter in {names}")
        asked = dict(seen.query)

        def one_of(name: str, allowed: tuple[str, ...]) -> None:
            if name in asked and asked[name] not in allowed:
                raise Refusal(400, f"{name}={asked[name]!r}")

        one_of("status", STATUSES)
        one_of("type", TYPES)
        one_of("hasError", ("true", "false"))
        one_of("sortBy", ("createdAt",))
        one_of("sortOrder", ("asc", "desc"))
        page, size = asked.get("page", "1"), asked.get("pageSize", "24")
        if not re.fullmatch(r"[1-9]\d*", page) or not re.fullmatch(r"\d+", size) or int(size) > 100:
            raise Refusal(400, f"page={page} pageSize={size}")
        if "search" in asked and len(asked["search"]) < 3:
            raise Refusal(400, "search is shorter than 3")
        at = time.time() - self.bent.list_lag
        entries = [entry for entry in self.entries.values() if entry.shown(at)]
        entries = [entry for entry in entries if self._matches(entry, asked, at)]
        newest = self.bent.newest_first or asked.get("sortOrder", "desc") == "desc"
        entries.sort(key=lambda entry: (entry.born, entry.id), reverse=newest)
        number, size_ = int(page), int(size)
        items = entries[(number - 1) * size_ : number * size_] if size_ else []
        total = len(entries)
        if self.bent.total_off > 0:
            self.bent.total_off -= 1
            total += 1
        if self.bent.strangers > 0 and size_:
            self.bent.strangers -= 1
            self.seed_now(f"A stranger's {self.bent.strangers}")
        return 200, {"success": True, "items": [self._told(entry, at) for entry in items], "total": total}

    def seed_now(self, title: str) -> None:
        now = time.time()
        self._entry("text", title, "theirs", now, [Step(now, "READY")]).owner = "stranger"

    def _matches(self, entry: Entry, asked: dict[str, str], at: float) -> bool:
        step = entry.step(at)
        if asked.get("status", step.status) != step.status or asked.get("type", entry.kind) != entry.kind:
            return False
        if "hasError" in asked and (asked["hasError"] == "true") != (step.error is not None):
            return False
        if "search" not in asked:
            return True
        term = asked["search"]
        fields = [text for text in (entry.title(at), entry.filename, entry.url) if text]
        match self.bent.search:
            case "cased":
                return any(term in text for text in fields)
            case "prefix":
                words = [word.lower() for text in fields for word in re.split(r"\W+", text) if word]
                return all(
                    any(word.startswith(part.lower()) for word in words)
                    for part in re.split(r"\W+", term)
                    if part
                )
            case "blind":
                return False
        return any(term.lower() in text.lower() for text in fields)

    def _told(self, entry: Entry, at: float, *, whole: bool = False) -> dict[str, Any]:
        step = entry.step(at)
        told: dict[str, Any] = {
            "id": entry.id,
            "replicaUUID": self.replica,
            "type": entry.kind,
            "status": step.status,
            "createdAt": iso(entry.born),
            "updatedAt": iso(entry.updated(at)),
        }
        if entry.title(at) is not None:
            told["title"] = entry.title(at)
        if entry.url:
            told["url"] = entry.url
            told["website"] = {"url": entry.url}
        if entry.filename:
            told["file"] = {"name": entry.filename, "size": None, "mimeType": None}
        if step.error is not None:
            told["error"] = step.error
        if whole and entry.text is not None:
            told["rawText"] = entry.text
        return told

    def _course(
        self, content: str, at: float, kind: str, *, before: Step | None = None
    ) -> tuple[list[Step], list[float]]:
        """Return what becomes of an entry from now on."""
        gap = self.bent.step
        end = next((end for fragment, end in self.bent.ends.items() if fragment in content), "READY")
        if self.bent.instant:
            return [Step(at, end if end != "STUCK" else "RAW_TEXT", None)], [at]
        if before is not None and self.bent.unmoved:
            return [Step(at, before.status)], [at]
        steps, stamps = [], [at]
        start = at
        if before is not None and self.bent.linger:
            steps.append(Step(at, before.status))
            start = at + self.bent.linger
        path = ("NEW", "RAW_TEXT", "PROCESSED_TEXT", "VECTOR_CREATED", "READY")
        for number, status in enumerate(path):
            when = start + number * gap
            if status == "RAW_TEXT" and end == "STUCK":
                steps.append(Step(when, status, {"message": "the worker failed"}))
                stamps.append(when)
                break
            if status == "PROCESSED_TEXT" and end not in ("READY", "STUCK"):
                error = {"message": "cannot be processed"} if end == "UNPROCESSABLE" else None
                steps.append(Step(when, end, error))
                stamps.append(when)
                break
            steps.append(Step(when, status))
            stamps.append(when)
        return steps, stamps

    def _title(self, title: str | None) -> str | None:
        if title is not None and self.bent.title_cut:
            return title.strip()[: self.bent.title_cut]
        return title

    def _create(self, seen: Seen) -> tuple[int, Any]:
        body, now = self._body(seen, CREATE), time.time()
        given = [name for name in ("text", "url", "filename") if name in body]
        if len(given) != 1:
            raise Refusal(400, f"one of text, url and filename, not {given}")
        content = body[given[0]]
        kind = {"text": "text", "url": "website", "filename": "file"}[given[0]]
        if self.bent.not_enqueued and self.bent.not_enqueued in content:
            told = {"type": kind, "enqueued": False, "error": "the vendor would not"}
            return 207, {"success": self.bent.top_success, "results": [told]}
        title = self._title(body.get("title"))
        if kind == "website":
            if not re.match(r"https?://", content):
                raise Refusal(400, "no url")
            if any(entry.url == content and entry.shown(now) for entry in self.entries.values()):
                raise Refusal(409, "URL already exists in the knowledge base", breach=False)
            kind = "youtube" if "youtube.com" in content else kind
        if kind == "file":
            entry = self._entry("file", title, None, now, [Step(now, "NEW")], filename=content)
            url = self._slot("sensay", entry=entry.id)
            told = {"type": kind, "enqueued": True, "knowledgeBaseID": entry.id, "signedURL": url}
            return 207, {"success": True, "results": [told]}
        steps, stamps = self._course(content, now, kind)
        entry = self._entry(kind, title, content if kind == "text" else None, now, steps)
        entry.stamps, entry.url = stamps, content if kind != "text" else None
        return 207, {
            "success": True,
            "results": [{"type": kind, "enqueued": True, "knowledgeBaseID": entry.id}],
        }

    def _change(self, seen: Seen, entry: Entry) -> tuple[int, Any]:
        body, now = self._body(seen, CHANGE), time.time()
        if not body:
            raise Refusal(400, "nothing to change")
        if entry.owner == "stranger" and entry.id not in self.adoptable:
            self.breaches.append(f"changed the stranger's entry {entry.id}")
        if "rawText" in body and entry.kind != "text":
            raise Refusal(400, f"rawText for a {entry.kind}")
        if "title" in body:
            entry.titles.append((now, self._title(body["title"])))
            entry.stamps.append(now)
        if "rawText" in body:
            before = entry.step(now)
            entry.texts.append((now, body["rawText"]))
            steps, stamps = self._course(body["rawText"], now, entry.kind, before=before)
            entry.steps = [step for step in entry.steps if step.at <= now] + steps
            entry.stamps = [stamp for stamp in entry.stamps if stamp <= now] + stamps
        return 200, {"success": True}

    adoptable: frozenset[int] = frozenset()

    def _delete(self, entry: Entry) -> tuple[int, Any]:
        if entry.owner == "stranger" and entry.id not in self.adoptable:
            self.breaches.append(f"deleted the stranger's entry {entry.id}")
        now = time.time()
        if self.bent.accepts_deletes:
            if entry.asked_to_go is None:
                entry.asked_to_go, entry.gone = now, now + self.bent.accepts_deletes
            return 202, {"success": True, "message": "full removal may take up to 24 hours"}
        entry.gone = entry.asked_to_go = now
        return 200, {"success": True}

    # --- storage -----------------------------------------------------------------------------------------

    def _slot(self, vendor: str, **more: Any) -> str:
        token = uuid.uuid4().hex
        path = f"/storage/v1/object/upload/sign/{token}"
        self.slots[path] = {
            "vendor": vendor,
            "until": time.time() + self.bent.url_life,
            "content": None,
            **more,
        }
        return f"{self.storage}{path}?token=signed-{token}"

    def _stored(self, seen: Seen) -> tuple[int, Any]:
        slot = self.slots.get(unquote(seen.path))
        if seen.method != "PUT" or slot is None:
            raise Refusal(404, "no such object")
        strange = set(seen.headers) - PLAIN
        if strange:
            raise Refusal(400, f"headers that are none of the storage's business: {sorted(strange)}")
        if not seen.headers.get("content-type"):
            raise Refusal(400, "no content type")
        if dict(seen.query).get("token") != f"signed-{seen.path.rsplit('/', 1)[1]}":
            raise Refusal(403, "bad signature")
        if time.time() > slot["until"]:
            raise Refusal(403, "expired", breach=False)
        if slot["content"] is not None:
            raise Refusal(409, "The resource already exists")
        slot["content"], slot["type"] = seen.body, seen.headers["content-type"]
        if slot["vendor"] == "sensay":
            entry, now = self.entries[slot["entry"]], time.time()
            if slot["type"] == "application/octet-stream":
                raise Refusal(400, "not the real MIME type")
            steps, stamps = self._course(seen.body.decode(errors="replace"), now, "file")
            first = [] if self.bent.instant else [Step(now, "FILE_UPLOADED")]
            entry.bytes_, entry.steps = (
                seen.body,
                [entry.steps[0], *first, *[s for s in steps if s.status != "NEW"]],
            )
            entry.stamps += stamps
        elif slot["type"] != slot["mime"]:
            raise Refusal(403, "another content type than was signed")
        return 200, {}

    # --- SendKit -----------------------------------------------------------------------------------------

    def _sendkit(self, seen: Seen) -> tuple[int, Any]:
        self._headers(seen, {"x-api-key"})
        if seen.headers.get("x-api-key") != self.api_key:
            raise Refusal(401, "Unauthorized", breach=False)
        if seen.query:
            raise Refusal(400, f"unknown query {seen.query}")
        if (seen.method, seen.path) == ("GET", "/v1/agents"):
            return 200, {"success": True, "data": [{"_id": self.agent, "name": "A"}]}
        found = re.fullmatch(r"/v1/agents/([^/]+)(/.*)?", seen.path)
        if found is None or found[1] != self.agent:
            raise Refusal(404, "The requested resource was not found", breach=False)
        match seen.method, found[2]:
            case "GET", None:
                self._no_body(seen)
                return 200, {"success": True, "data": self._agent()}
            case "POST", "/upload-document":
                body = self._body(
                    seen,
                    {"filename": str, "contentType": str, "fileSize": int},
                    ("filename", "contentType", "fileSize"),
                )
                return self._upload(body)
            case "POST", "/process-document":
                members = {"fileKey": str, "fileUrl": str, "fileName": str, "fileType": str, "fileSize": int}
                return self._process(self._body(seen, members, tuple(members)))
            case "DELETE", "/documents":
                body = self._body(seen, {"fileKey": str}, ("fileKey",))
                found_ = [each for each in self.documents if each["fileKey"] == body["fileKey"]]
                if not found_:
                    raise Refusal(404, "The requested resource was not found", breach=False)
                if found_[0].get("_foreign"):
                    self.breaches.append(f"deleted the foreign document {found_[0]['fileName']}")
                self.documents.remove(found_[0])
                if self.bent.delete_404:
                    raise Refusal(404, "The requested resource was not found", breach=False)
                return 200, {}
        raise Refusal(404, f"no such path {seen.method} {seen.path}")

    def _agent(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "_id": self.agent,
            "name": "Sales Agent",
            "trainingStatus": "completed",
            "trainingProgress": 3.14,
            "isActive": True,
            "createdAt": "2024-12-25T10:00:00Z",
        }
        if self.bent.documents == "list":
            told["uploadedDocuments"] = self.shown_documents()
        elif self.bent.documents == "null":
            told["uploadedDocuments"] = self.shown_documents() or None
        elif self.bent.documents == "always null":
            told["uploadedDocuments"] = None
        return told

    def shown_documents(self) -> list[dict[str, Any]]:
        now, shown = time.time(), []
        for document in self.documents:
            if document["_from"] + self.bent.document_lag > now:
                continue
            told = {name: value for name, value in document.items() if not name.startswith("_")}
            if "_ends" in document and now >= document["_from"] + self.bent.document:
                told["status"] = document["_ends"]
            if told["status"] is None:
                del told["status"]
            shown.append(told)
        return shown

    def _upload(self, body: dict[str, Any]) -> tuple[int, Any]:
        kind = body["filename"].rsplit(".", 1)[-1].lower()
        if kind not in MIME or MIME[kind] != body["contentType"]:
            raise Refusal(400, f"{body['filename']} is no {body['contentType']}")
        if not 0 < body["fileSize"] <= 10 * 1024 * 1024:
            raise Refusal(400, "fileSize")
        url = self._slot("sendkit", mime=body["contentType"], size=body["fileSize"])
        slot = self.slots[urlsplit(url).path]
        key = (
            f"agents/{self.agent}/{uuid.uuid4()}/{body['filename']}"
            if self.bent.slash_keys
            else uuid.uuid4().hex
        )
        slot |= {"key": key, "url": f"https://r2.example/{key}", "filename": body["filename"], "kind": kind}
        told = {
            "presignedUrl": url,
            "uploadUrl": url,
            "url": slot["url"],
            "key": key,
            "filename": body["filename"],
            "fileType": kind,
        }
        return 200, {"success": True, "data": told}

    def _process(self, body: dict[str, Any]) -> tuple[int, Any]:
        slot = next((slot for slot in self.slots.values() if slot.get("key") == body["fileKey"]), None)
        if slot is None or slot["content"] is None:
            raise Refusal(404, "nothing was uploaded under this key")
        told = (body["fileUrl"], body["fileType"], body["fileSize"], body["fileName"])
        if told != (slot["url"], slot["kind"], len(slot["content"]), slot["filename"]):
            raise Refusal(400, f"{told} is not what was uploaded")
        if any(each["fileKey"] == body["fileKey"] for each in self.documents):
            raise Refusal(409, "The request conflicts with the current state of the resource")
        now = time.time()
        end = next(
            (end for part, end in self.bent.document_ends.items() if part in body["fileName"]), "completed"
        )
        document = {**body, "uploadedAt": iso(now), "status": "processing", "_from": now, "_ends": end}
        self.documents.append(document)
        shown = {name: value for name, value in document.items() if not name.startswith("_")}
        return 200, {
            "success": True,
            "data": {"message": "queued", "document": shown, "job": {"id": "j1", "type": "t"}},
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client went away; that is its right."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        raise NotImplementedError

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = lambda self: self.answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
        raise ConnectionResetError

    def reply(self, status: int, body: Any, headers: dict[str, str]) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body or {}).encode()
        self.send_response(status)
        kind = "text/html" if isinstance(body, str) else "application/json"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
