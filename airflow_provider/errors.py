"""
The exception tree; the ground floor.

Everything this provider raises derives from :class:`AgentKnowledgeError` and therefore from
``AirflowException``. What no retry can cure also derives from ``AirflowFailException``, so Airflow fails
the task at once instead of trying (and, for a paid call, paying) again.

A message answers four questions: what happened, what became of the remote run and the credits, what a
retry will do, and what to do now. It never holds a secret.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
)

from airflow_provider.texts import sentences, word

#: Characters of an error that crosses from a trigger to a worker.
LONGEST = 4000


class AgentKnowledgeError(AirflowException):
    """Root of everything this provider raises."""


# --- before anything is sent -----------------------------------------------------------------------------


class InvalidConnectionError(AgentKnowledgeError, AirflowFailException):
    """
    The Airflow connection lacks fields, or they contradict each other; nothing was sent.

    :param conn_id: the connection at fault
    :param problems: every problem found, each naming the field by its label in the form
    """

    def __init__(self, conn_id: str, problems: list[str]) -> None:
        self.conn_id = conn_id
        self.problems = problems
        name = f"Connection '{conn_id}'" if conn_id else "This connection"
        super().__init__(f"{name} cannot be used, nothing was sent: " + "; ".join(problems))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.conn_id, self.problems)


class InvalidArgumentError(AgentKnowledgeError, AirflowFailException):
    """An argument is wrong after templating; nothing was sent and nothing was charged."""


class BudgetExceededError(AgentKnowledgeError, AirflowFailException):
    """A credit ceiling would have been passed; refused before the paid call."""


class RecordUnreadableError(AgentKnowledgeError):
    """
    The record of this task exists but could not be read.

    "Could not read" and "there is none" are different facts: taking one for the other would turn a blip
    into a second charge. Retryable.
    """


class RecordMismatchError(AgentKnowledgeError, AirflowFailException):
    """The record belongs to another target or text, and its run may still be open."""


# --- a knowledge base and its source ---------------------------------------------------------------------


class DuplicateKeyError(InvalidArgumentError):
    """Two documents of a source have one key or one URL, so neither could be kept up to date; nothing was sent."""


class SourceIncompleteError(AgentKnowledgeError):
    """A folder of the source, or a given file, is not there or cannot be listed. Nothing was sent; retryable."""


class EmptySourceError(AgentKnowledgeError):
    """The source holds no document that can be sent. Nothing was sent; retryable, since mounts come back."""


class ListIncompleteError(AgentKnowledgeError):
    """The vendor's list does not add up to its own total, so it proves nothing. Retryable."""


class MarkLostError(AgentKnowledgeError, AirflowFailException):
    """Entries that were just created do not show the mark they were given; going on would create them for ever."""


class ManifestError(AgentKnowledgeError, AirflowFailException):
    """The file named by ``manifest`` is another sync's, or no manifest at all; nothing was sent."""


class DeletionRefusedError(AgentKnowledgeError, AirflowFailException):
    """More documents would be deleted than ``max_deletes`` allows; refused before anything was sent."""


class ChangesRefusedError(AgentKnowledgeError, AirflowFailException):
    """More live documents would get another content than ``max_changes`` allows; refused before anything was sent."""


class PlanChangedError(AgentKnowledgeError, AirflowFailException):
    """The plan is not the one that ``expect_plan`` names; nothing was sent."""


class DocumentsFailedError(AgentKnowledgeError):
    """
    Some documents could not be brought to the vendor; what succeeded stays. Retryable: a retry plans anew.

    :param result: what the task would have returned
    """

    def __init__(self, message: str, result: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.result = result


class DocumentsFailedForGoodError(DocumentsFailedError, AirflowFailException):
    """All documents that failed would fail again as they are; what succeeded stays."""


class AnswersFailedError(AgentKnowledgeError):
    """A replica did not answer as expected. Retryable: answers vary; a retry asks again."""


# --- the vendor's answers --------------------------------------------------------------------------------


class ApiError(AgentKnowledgeError):
    """
    The vendor answered, and the answer is not the documented success.

    :param message: what happened: the vendor's words, and what was asked
    :param advice: what became of it and what to do now; whole sentences
    :param status: HTTP status
    :param request_id: the vendor's own id of this request, for its support
    :param fingerprint: the vendor's id of this kind of event
    :param error_code: the vendor's machine-readable code, where it gives one
    :param details: anything else the envelope held (SendKit ``details``, Sensay ``inner_exception``)
    :param retry_after: seconds the vendor asked to wait
    """

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        status: int | None = None,
        request_id: str | None = None,
        fingerprint: str | None = None,
        error_code: str | None = None,
        details: Any = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(sentences(message, advice) if advice else message)
        self.message = message
        self.advice = advice
        self.status = status
        self.request_id = request_id
        self.fingerprint = fingerprint
        self.error_code = error_code
        self.details = details
        self.retry_after = retry_after

    def to_json(self) -> dict[str, Any]:
        """Return what crosses from a trigger to a worker."""
        fields = {
            "type": type(self).__name__,
            # What crosses has to fit the triggerer's pipe and its database, whatever a fault of ours holds.
            "message": word(self.message, LONGEST),
            "advice": word(self.advice, LONGEST) or None,
            "status": self.status,
            "request_id": self.request_id,
            "fingerprint": self.fingerprint,
            "error_code": self.error_code,
            "retry_after": self.retry_after,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @staticmethod
    def from_json(data: dict[str, Any]) -> ApiError:
        """Rebuild the error a trigger met; an unknown type becomes a plain :class:`ApiError`."""
        found = globals().get(str(data.get("type")), ApiError)
        kind = found if isinstance(found, type) and issubclass(found, ApiError) else ApiError
        fields = ("status", "request_id", "fingerprint", "error_code", "retry_after")
        told = {name: data.get(name) for name in fields}
        return kind(str(data.get("message", "")), advice=str(data.get("advice") or ""), **told)


class BadRequestError(ApiError):
    """400: the vendor refused the request as malformed."""


class AuthenticationError(ApiError, AirflowFailException):
    """401: the key is wrong or revoked, the organisation disabled, or the user unknown."""


class InsufficientCreditsError(ApiError, AirflowFailException):
    """402: the account has not enough credits; nothing was charged."""


class ForbiddenError(ApiError, AirflowFailException):
    """403: the key may not do this."""


class NotFoundError(ApiError, AirflowFailException):
    """404: no such agent, replica or entry, or no such path in this API generation."""


class ConflictError(ApiError):
    """409: SendKit: the agent is already training. Sensay: the URL is already in the knowledge base."""


class AlreadyThereError(ConflictError, AirflowFailException):
    """409 on a create: the URL is in the knowledge base already; the message names its entry."""


class UnsupportedMediaTypeError(ApiError, AirflowFailException):
    """415: the vendor did not accept the content type."""


class UnprocessableRequestError(ApiError, AirflowFailException):
    """422: the vendor understood the request and refuses its content."""


class RateLimitedError(ApiError):
    """429: too many requests; ``retry_after`` holds the vendor's wish in seconds, if it named one."""


class QuotaExceededError(ApiError, AirflowFailException):
    """429 whose ``error_code`` ends in ``_QUOTA_EXCEEDED``: waiting does not help."""


class ServerError(ApiError):
    """5xx (or 408, 425): the vendor failed."""


class InvalidResponseError(ApiError):
    """The answer is not JSON, too large, cut off, a redirect, or of the wrong shape."""


class TruncatedResponseError(InvalidResponseError):
    """A success whose body broke off or came too late; the vendor may well have done what was asked."""


class TransportError(ApiError):
    """
    No answer arrived.

    :ivar sent: False if the request certainly never left (connection refused, name not resolved)
    """

    sent = True


class NotSentError(TransportError):
    """The connection could not be opened: the vendor never saw the request."""

    sent = False


class UploadFailedError(ApiError):
    """The storage host did not take a file's bytes: the upload URL has expired or is used up, or the host failed."""


def is_ambiguous(error: BaseException) -> bool:
    """
    Return whether a call that ended so may have been accepted, and paid for.

    Not ambiguous: the request never left, or the vendor refused it (a 4xx: 401, 402, 404, 409, 429 …).
    Ambiguous: it left and no answer came, the vendor failed while it had it (5xx, 408, 425), or it answered
    a success, or a redirect, that cannot be read.
    """
    if isinstance(error, TransportError):
        return error.sent
    if isinstance(error, InvalidResponseError):
        return error.status is None or error.status < 400
    return isinstance(error, ServerError)


class AmbiguousWriteError(AgentKnowledgeError):
    """
    A call that charges or creates was sent once and its end is unknown.

    It was not repeated: the next try settles it by reading. Retryable where a record survives; see the
    message.
    """


# --- the end of a refresh --------------------------------------------------------------------------------


class RefreshError(AgentKnowledgeError):
    """Root of the ways a refresh can end badly."""


class RefreshFailedError(RefreshError):
    """The vendor reports that the run failed. Retryable from an operator: the retry is a new run."""


class RefreshFailedForGoodError(RefreshError, AirflowFailException):
    """The vendor reports a failure that no retry of this task can cure (a sensor cannot submit)."""


class RefreshUnconfirmedError(RefreshError, AirflowFailException):
    """A terminal status was read, but nothing proves that it belongs to *this* refresh."""


class UnknownStatusError(RefreshError, AirflowFailException):
    """The status stayed missing or unknown beyond the grace; an unknown status is never success."""


class NeverTrainedError(RefreshError, AirflowFailException):
    """A gate found a target that is pending and never becomes active: nobody ever started it."""


class RefreshTimeoutError(RefreshError):
    """The deadline passed; the remote run goes on. Retryable: a retry re-attaches and pays nothing."""


class SensorTimeoutError(RefreshTimeoutError, AirflowSensorTimeout):
    """A sensor's deadline passed."""


class ReadFailuresError(RefreshError):
    """Too many reads failed in a row: *could not look*, which says nothing about the remote run. Retryable."""


class AlreadyRunningError(RefreshError):
    """Somebody else's run is active and ``on_running='fail'``; nothing was charged. Retryable."""


class OutcomeUnknownError(RefreshError, AirflowFailException):
    """An earlier try may have been charged, no trace of it can be found, and ``on_unknown`` says stop."""
