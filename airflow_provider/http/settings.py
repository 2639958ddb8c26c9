"""All that a client needs to know, resolved from a connection; frozen, hashable, and silent about secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Protocol
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    How to reach one vendor with one key.

    Times are seconds.

    :param vendor: its word in connections, results and metrics
    :param label: how the vendor writes its own name, for messages
    :param secret_label: what the connection form calls the secret, for messages
    :param conn_id: the connection that these are from, for messages; empty where it has no lasting name
    :param base_url: scheme, host and port, without a path
    :param headers: what goes with every call to the vendor, the secret among it; never to a signed URL
    :param read_timeout: longest silence of a server; a vendor may itself give up only after 90 s
    :param attempt_slack: what one attempt may take in all beyond the two timeouts
    :param ca_file: PEM file to trust in place of the usual authorities
    :param proxy: URL of a proxy; None leaves it to the environment
    :param requests_per_second: a ceiling for this process; None for no limit
    :param max_in_flight: connections, and requests at a time
    :param attempts: how often a repeatable call is sent at most
    :param retry_cap: longest wait of ours between two attempts (the vendor may ask for longer)
    :param total_deadline: no attempt starts later than this after the first
    :param max_answer_bytes: a longer answer is refused
    :param api: which of a vendor's APIs is spoken, where it has several; ``auto``: find out
    :param console_url: where a person looks at the target
    :param on_rate_limit: told the vendor at each 429, whoever then waits it out
    """

    vendor: str
    base_url: str
    label: str = field(default="", compare=False)
    secret_label: str = field(default="secret", compare=False)
    conn_id: str = field(default="", compare=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    connect_timeout: float = 10.0
    read_timeout: float = 100.0
    attempt_slack: float = 20.0
    ca_file: str | None = None
    proxy: str | None = field(default=None, repr=False)
    requests_per_second: float | None = None
    max_in_flight: int = 8
    attempts: int = 5
    retry_cap: float = 60.0
    total_deadline: float = 300.0
    max_answer_bytes: int = 32 * 1024 * 1024
    api: str = "auto"
    console_url: str | None = None
    on_rate_limit: Callable[[str], None] | None = field(default=None, repr=False, compare=False)

    @property
    def key(self) -> str:
        """
        Return a name for these settings: equal for equal settings, and it tells nothing about the secret.

        Use it, not the connection id, as a key for what is shared: two teams may give one id two meanings.
        """
        told = "\0".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.compare)
        return f"{self.vendor}-{hashlib.sha256(told.encode()).hexdigest()[:32]}"

    @property
    def name(self) -> str:
        """Return what messages call the vendor."""
        return self.label or self.vendor

    @property
    def whose(self) -> str:
        """Say which connection a message is about, and where it leads."""
        return f"connection '{self.conn_id}', {self.base_url}" if self.conn_id else self.base_url

    @property
    def attempt_deadline(self) -> float:
        """Return how long one attempt may take in all: a server that dribbles bytes must not hold us."""
        return self.connect_timeout + self.read_timeout + self.attempt_slack

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must not appear in a message, should a vendor echo it."""
        return tuple(value for name, value in self.headers if name.lower() in SECRET_HEADERS and value)

    @property
    def is_loopback(self) -> bool:
        """Whether the vendor is played by this machine."""
        return is_loopback(urlsplit(self.base_url).hostname)


class SettingsSource(Protocol):
    """Where settings come from: a hook, which reads its connection anew each time."""

    conn_id: str

    def settings(self) -> Settings:
        """Read them; for a worker."""

    async def asettings(self) -> Settings:
        """Read them without blocking the event loop; for a trigger."""


SECRET_HEADERS = frozenset({"x-api-key", "x-organization-secret", "authorization"})


def is_loopback(host: str | None) -> bool:
    """Whether a host name means this machine; ``127.0.0.1.example.com`` does not."""
    import ipaddress

    if host is None or host.lower() == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
