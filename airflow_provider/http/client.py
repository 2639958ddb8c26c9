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
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from airflow_provider.errors import InvalidArgumentError, RateLimitedError
from airflow_provider.http.call import Call
from airflow_provider.http.exchange import AnswerTooLargeError, AnswerTooSlowError, Exchange
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
    :param sleep: waits between attempts
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self._sleep, self._rand = sleep, rand
        self._http = httpx.Client(transport=transport, **_options(settings))

    def send(self, call: Call[T], *, retry: bool = True) -> T:
        """
        Send a call and return what it reads from the answer.

        A server that is silent ends an attempt after ``read_timeout``; one that dribbles its *headers*
        byte by byte is not cut off here (the asynchronous client does), its body is.

        :param retry: False: exactly one attempt, whatever the call is
        """
        if not retry:
            return self._once(call)
        policy = Policy.of(self.settings)
        loop = retrying(call, policy, rand=self._rand, sleep=self._sleep, told=_told(policy))
        answer: T = loop(self._once, call)
        return answer

    def _once(self, call: Call[T]) -> T:
        request = _request(self._http, self.settings, call)
        pace = spacing(self.settings)
        if pace is not None and (wait := pace.turn()) > 0:
            self._sleep(wait)
        exchange = Exchange(call, self.settings)
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
        pools = -(-settings.max_in_flight // _POOL)
        self._pools = [httpx.AsyncClient(transport=transport, **_options(settings)) for _ in range(pools)]
        # A place for each request; the pool left last is taken first, as its connections are the warmest.
        self._places = [self._pools[number // _POOL] for number in range(settings.max_in_flight)]

    async def send(self, call: Call[T], *, retry: bool = True) -> T:
        """
        Send a call and return what it reads from the answer.

        :param retry: False: exactly one attempt, whatever the call is (a poll loop has its own patience)
        """
        if not retry:
            return await self._once(call)
        policy = Policy.of(self.settings)
        loop = async_retrying(call, policy, rand=self._rand, sleep=self._sleep, told=_told(policy))
        return await loop(self._once, call)

    async def _once(self, call: Call[T]) -> T:
        request = _request(self._pools[0], self.settings, call)
        async with self._turns:
            if (pace := limiter(self.settings)) is not None:
                await pace.acquire()
            exchange = Exchange(call, self.settings)
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
    read = settings.read_timeout
    return {
        "verify": _trust(settings.ca_file),
        "proxy": settings.proxy,
        # A proxy named in the environment is for the world outside, not for a sandbox on this machine.
        "trust_env": not settings.is_loopback,
        "timeout": httpx.Timeout(connect=settings.connect_timeout, read=read, write=read, pool=read),
        "limits": httpx.Limits(
            max_connections=min(settings.max_in_flight, _POOL),
            max_keepalive_connections=min(settings.max_in_flight, _POOL),
            keepalive_expiry=55.0,
        ),
        "follow_redirects": False,
    }


@functools.lru_cache(maxsize=16)
def _trust(ca_file: str | None) -> ssl.SSLContext:
    """Return the authorities to trust; built once, since reading them costs some 20 ms."""
    if ca_file is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise InvalidArgumentError(f"CA file '{ca_file}' cannot be used: {error.strerror}") from None


def _request(http: httpx.Client | httpx.AsyncClient, settings: Settings, call: Call[Any]) -> httpx.Request:
    sent, request = outgoing(call, settings), None
    # Raised outside of the handler: httpx's own words repeat the URL or the header.
    with suppress(httpx.InvalidURL, ValueError):
        request = http.build_request(call.method, **sent)
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
    return f"{name}: {str(error)[:200]}" if isinstance(error, (httpx.ConnectError, httpx.ReadError)) else name


def _told(policy: Policy) -> Callable[[RetryCallState], None]:
    """Return what tells the log that a call will be sent again."""

    def told(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        wait = state.next_action.sleep if state.next_action is not None else 0.0
        log.warning(
            "%s; asking again in %.1f s (attempt %d of %d)",
            error,
            wait,
            state.attempt_number + 1,
            policy.attempts,
        )

    return told
