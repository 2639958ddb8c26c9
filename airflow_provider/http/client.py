"""
The two senders; the only module that imports httpx.

Everything that decides (what is sent, what an answer means, whether to send again) is shared; a client
adds the last call, waiting in its own way.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import os
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from airflow_provider.errors import InvalidArgumentError, NotSentError, RateLimitedError
from airflow_provider.http.body import AnswerTooLargeError
from airflow_provider.http.call import Call
from airflow_provider.http.exchange import AnswerTooSlowError, Exchange
from airflow_provider.http.outgoing import outgoing
from airflow_provider.http.pace import limiter, spacing
from airflow_provider.http.retry import Policy, async_retrying, retrying
from airflow_provider.http.settings import Settings

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ["AsyncClient", "Client", "Settings"]

T = TypeVar("T")

log = logging.getLogger(__name__)


# The request certainly never left: no connection, or no free one in time.
UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)

#: Connections in one of httpx's pools, which compares each with all others at each request.
_POOL = 8

_ours: contextvars.ContextVar[bool] = contextvars.ContextVar("_ours", default=False)


class _NotOurs(logging.Filter):
    """
    Keeps httpx and httpcore from logging our requests.

    Their lines hold the whole URL, signature included (at INFO), and all headers of an answer (at DEBUG).
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return not _ours.get()


for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).addFilter(_NotOurs())


class Client:
    """
    Sends calls, one at a time, from a worker.

    Usable as a context manager; closing it closes its connections.

    :param transport: stands in for the network in tests
    :param sleep: waits between attempts; None: as the clock of this process does when it is made
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] | None = None,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self._sleep, self._rand = sleep or time.sleep, rand
        self._http = _built(settings, lambda: httpx.Client(transport=transport, **_options(settings)))

    def send(self, call: Call[T], *, retry: bool = True, deadline: float | None = None) -> T:
        """
        Send a call and return what it reads from the answer.

        A server that is silent ends an attempt after ``read_timeout``; one that dribbles its *headers*
        byte by byte is not cut off here (the asynchronous client does), its body is.

        :param retry: False: exactly one attempt, whatever the call is
        :param deadline: when the caller needs no answer any more (``time.time()``): an attempt ends then, or
            ``connect_timeout`` after it began if that is later, and none begins after it
        """
        if not retry:
            return self._once(call, deadline)
        policy = Policy.of(self.settings, _left(deadline))
        loop = retrying(call, policy, rand=self._rand, sleep=self._sleep, told=_told(policy))
        answer: T = loop(self._once, call, deadline)
        return answer

    def _once(self, call: Call[T], deadline: float | None) -> T:
        pace = spacing(self.settings)
        if pace is not None and (wait := pace.turn()) > 0:
            self._sleep(wait)
        exchange = Exchange(call, self.settings, _left(deadline))
        request = _request(self._http, exchange)
        with _faults(exchange):
            response = self._http.send(request, stream=True)
            try:
                exchange.begin(response.status_code, response.headers)
                for chunk in response.iter_raw():
                    exchange.feed(chunk)
            finally:
                response.close()
        return _result(exchange)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def is_closed(self) -> bool:
        """Was it closed?"""
        return self._http.is_closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """
    Sends calls from an event loop; at most ``max_in_flight`` at a time, the others wait their turn here.

    They must not wait inside httpx: its pool goes through all connections and all waiters for each
    request, and stalls the loop at a few thousand of them. For the same reason many connections are spread over
    several pools. Usable as an async context manager, on one loop.

    :param transport: stands in for the network in tests
    :param sleep: waits between attempts
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self._sleep, self._rand = sleep, rand
        self._turns = asyncio.Semaphore(settings.max_in_flight)
        pools = range(-(-settings.max_in_flight // _POOL))
        self._pools = _built(
            settings, lambda: [httpx.AsyncClient(transport=transport, **_options(settings)) for _ in pools]
        )
        # A place for each request; the pool left last is taken first, as its connections are the warmest.
        self._places = [self._pools[number // _POOL] for number in range(settings.max_in_flight)]

    async def send(self, call: Call[T], *, retry: bool = True, deadline: float | None = None) -> T:
        """
        Send a call and return what it reads from the answer.

        :param retry: False: exactly one attempt, whatever the call is (a poll loop has its own patience)
        :param deadline: as for :meth:`Client.send`
        """
        if not retry:
            return await self._once(call, deadline)
        policy = Policy.of(self.settings, _left(deadline))
        loop = async_retrying(call, policy, rand=self._rand, sleep=self._sleep, told=_told(policy))
        return await loop(self._once, call, deadline)

    async def _once(self, call: Call[T], deadline: float | None) -> T:
        async with self._turns:
            if (pace := limiter(self.settings)) is not None:
                await pace.acquire()
            exchange = Exchange(call, self.settings, _left(deadline))
            request = _request(self._pools[0], exchange)
            with _faults(exchange), self._place() as pool:
                async with asyncio.timeout(exchange.deadline):
                    response = await pool.send(request, stream=True)
                    try:
                        exchange.begin(response.status_code, response.headers)
                        async for chunk in response.aiter_raw():
                            exchange.feed(chunk)
                    finally:
                        await response.aclose()
        return _result(exchange)

    @contextmanager
    def _place(self) -> Iterator[httpx.AsyncClient]:
        pool = self._places.pop()
        try:
            yield pool
        finally:
            self._places.append(pool)

    async def aclose(self) -> None:
        """Close the connections."""
        for pool in self._pools:
            await pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "verify": _trust(settings.ca_file, None if settings.is_loopback else _authorities()),
        "proxy": settings.proxy,
        # A proxy named in the environment is for the world outside, not for a sandbox on this machine.
        "trust_env": not settings.is_loopback,
        "limits": httpx.Limits(
            max_connections=min(settings.max_in_flight, _POOL),
            max_keepalive_connections=min(settings.max_in_flight, _POOL),
            keepalive_expiry=55.0,
        ),
        "follow_redirects": False,
    }


@functools.lru_cache(maxsize=16)
def _trust(ca_file: str | None, environment: tuple[str, ...] | None) -> ssl.SSLContext:
    """
    Return the authorities to trust; built once, since reading them costs some 20 ms.

    :param environment: which ones the environment names; None: whatever it says, it does not count
    """
    if ca_file is None:
        return httpx.create_ssl_context(trust_env=environment is not None)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        why = error.strerror if not isinstance(error, ssl.SSLError) else "it holds no certificate"
        raise InvalidArgumentError(f"CA file '{ca_file}' cannot be used: {why}") from None


def _authorities() -> tuple[str, ...]:
    return tuple(os.environ.get(name, "") for name in _CERTIFICATES)


_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")


def _built(settings: Settings, build: Callable[[], T]) -> T:
    """
    Build a client; what the environment's proxies and authorities do to httpx is an error of ours.

    It names the variable and never its value: a proxy's URL may hold a password, which httpx's words repeat.

    :raises NotSentError: retryable, since another worker may have another environment
    """
    try:
        return build()
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        fault = _culprit(error)
    # Outside of the handler: a traceback shows what an error was raised in.
    raise NotSentError(
        f"{settings.name} cannot be reached from this process: {fault} ({settings.whose})",
        advice="Nothing was sent. Mend the variable where this process is started, or unset it.",
    )


def _culprit(error: Exception) -> str:
    """Find the variable at fault, and say what is wrong with it."""
    if isinstance(error, OSError):
        name = next((each for each in _CERTIFICATES if os.environ.get(each)), _CERTIFICATES[0])
        return f"the environment's {name} names no usable file of certificates"
    for name in (each for upper in _PROXIES for each in (upper, upper.lower())):
        value = os.environ.get(name)
        if not value:
            continue
        why = _unusable(value if "://" in value else f"http://{value}")
        if why is not None:
            return f"the environment's {name} {why}"
    name = next((each for each in ("NO_PROXY", "no_proxy") if os.environ.get(each)), "NO_PROXY")
    return (
        f"the environment's {name} has an entry that is neither a host name nor an address "
        "(IPv6 networks, and IPv6 addresses in brackets, cannot be used)"
    )


def _unusable(proxy: str) -> str | None:
    try:
        httpx.Client(proxy=proxy, trust_env=False, verify=False).close()  # noqa: S501 - it sends nothing
    except ImportError:
        return "names a SOCKS proxy, for which the package socksio is missing (pip install 'httpx[socks]')"
    except httpx.InvalidURL:
        return "is no URL of a proxy (percent-encode special characters of a user name or password)"
    except ValueError:
        return "names a kind of proxy that is not known: it must begin with http://, https://, socks5:// or socks5h://"
    return None


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.time())


def _request(http: httpx.Client | httpx.AsyncClient, exchange: Exchange[Any]) -> httpx.Request:
    call, settings, request = exchange.call, exchange.settings, None
    sent = outgoing(call, settings)
    silence = min(settings.read_timeout, exchange.deadline)
    timeout = httpx.Timeout(
        connect=min(settings.connect_timeout, exchange.deadline), read=silence, write=silence, pool=silence
    )
    # Raised outside of the handler: httpx's own words repeat the URL or the header.
    with suppress(httpx.InvalidURL, ValueError):
        request = http.build_request(call.method, timeout=timeout, **sent)
    if request is None:
        raise InvalidArgumentError(f"{call}: its URL or a header cannot be sent; nothing was sent")
    # httpx keeps a cookie jar per client; what one call was given is no business of the next.
    request.headers.pop("Cookie", None)
    return request


@contextmanager
def _faults(exchange: Exchange[Any]) -> Iterator[None]:
    """Turn what httpx raises into what the exchange notes; texts that may hold headers or URLs stay out."""
    token = _ours.set(True)
    try:
        yield
    except UNSENT as error:
        exchange.failed(_reason(error), sent=False)
    except AnswerTooLargeError:
        limit = exchange.settings.max_answer_bytes
        exchange.failed(f"it is larger than {limit} bytes", too_large=True)
    except (TimeoutError, AnswerTooSlowError):
        exchange.failed(f"it took longer than {exchange.deadline:.0f} s")
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        exchange.failed(_reason(error))
    finally:
        _ours.reset(token)


def _result(exchange: Exchange[T]) -> T:
    try:
        return exchange.result()
    except RateLimitedError:
        if exchange.settings.on_rate_limit is not None:
            exchange.settings.on_rate_limit(exchange.settings.vendor)
        raise


def _reason(error: Exception) -> str:
    """Name a fault; the words of the operating system are safe, those about our own request are not."""
    name = type(error).__name__
    is_told = str(error) and isinstance(error, (httpx.ConnectError, httpx.ReadError))
    return f"{name}: {str(error)[:200]}" if is_told else name


def _told(policy: Policy) -> Callable[[RetryCallState], None]:
    """Return what tells the log that a call will be sent again."""

    def told(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        wait = state.next_action.sleep if state.next_action is not None else 0.0
        log.warning(
            "%s; asking again in %.1f s (attempt %d of %d)",
            getattr(error, "message", error),
            wait,
            state.attempt_number + 1,
            policy.attempts,
        )

    return told
