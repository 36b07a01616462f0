"""Every error dovtab raises, as one tree.

::

    DovtabError
    ├── SettingsError        a setting has a wrong value, or no token was found
    ├── ArgumentError        a value in the SQL is wrong; nothing was sent for it
    ├── NotAllowedError      acting is off for this connection
    ├── TooManyRequestsError the statement would need more than max_requests
    ├── TooManyActionsError  it would act on more Droplets than max_actions
    ├── APIError             the API answered with an error (status, id, request id)
    │   └── RateLimitError   the quota stays used up for longer than max_wait_seconds
    ├── AnswerError          the answer is not what the API documents
    ├── NetworkError         no answer: refused, lost, or out of time
    ├── ActionsError         some of a transaction's actions were not sent
    ├── WaitError            an action did not end within the time given
    ├── LogError             the log of actions cannot be used, so nothing was sent
    └── Interrupted          the statement was interrupted

The message is what the SQL user reads: one line, with what failed, the API's
own words, the request id, and what to do. No message ever holds a token.

An error goes whole from one process to another: pickled, it keeps its attributes and notes.
"""

from __future__ import annotations

from typing import Literal


class DovtabError(Exception):
    """The root of the tree.

    Attributes:
        outcome: of the action that it is about, if it was to be started: ``refused``, by
            the API or in a rehearsal, or ``unknown``: it may have been started, and was
            not asked for again. None: it is about no action, or it was not sent at all.
    """

    outcome: Literal["refused", "unknown"] | None = None

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is made anew of its message alone, and some of ours want more.
        return _again, (type(self), self.args), self.__dict__.copy()

    def about(self, account: str) -> DovtabError:
        """The same error of one account among several, which the message names.

        Another object: whoever waits for the same answer has this one, too.
        """
        told = _again(type(self), (f"account '{account}': {self}",))
        told.__dict__.update(self.__dict__)
        return told


def _again(kind: type[DovtabError], arguments: tuple[object, ...]) -> DovtabError:
    return kind.__new__(kind, *arguments)


class SettingsError(DovtabError):
    """A setting has a wrong value, or no token was found."""


class ArgumentError(DovtabError):
    """A value in the SQL is wrong. Nothing was sent for it."""


class NotAllowedError(DovtabError):
    """Starting actions is off for this connection."""


class TooManyRequestsError(DovtabError):
    """The statement would need more requests than ``max_requests``."""


class TooManyActionsError(DovtabError):
    """A transaction or a statement would act on more Droplets than ``max_actions``."""


class APIError(DovtabError):
    """The API answered with an error.

    Attributes:
        status: the HTTP status.
        id: the API's word for it, such as ``unprocessable_entity``, or None.
        request_id: what DigitalOcean's support asks for, or None.
    """

    def __init__(
        self, message: str, *, status: int, id: str | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.id = id
        self.request_id = request_id


class RateLimitError(APIError):
    """The quota stays used up for longer than ``max_wait_seconds``."""


class AnswerError(DovtabError):
    """The answer is not what the API documents, so no row can be trusted."""


class NetworkError(DovtabError):
    """No answer arrived: the connection was refused or lost, or time ran out."""


class ActionsError(DovtabError):
    """Some of a transaction's actions were not sent, or nobody knows.

    Attributes:
        sent, inferred, refused, unknown: how many; of an inferred one the answer was
            lost, and an action that fits was found.
    """

    def __init__(
        self, message: str, *, sent: int, inferred: int, refused: int, unknown: int
    ) -> None:
        super().__init__(message)
        self.outcome = "unknown" if unknown else "refused"
        self.sent = sent
        self.inferred = inferred
        self.refused = refused
        self.unknown = unknown


class WaitError(DovtabError):
    """An action did not end within the time given."""


class LogError(DovtabError):
    """The log of actions cannot be used. Nothing was sent."""


class Interrupted(DovtabError):
    """The statement was interrupted; hosts turn it into SQLite's own error."""
