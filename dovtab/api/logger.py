"""What dovtab logs, for whoever sets up Python's ``logging``: nothing is printed otherwise.

``dovtab.requests`` has a line for each request when it is over (INFO), and what went wrong
on the way (WARNING): why it is sent again, and after how many seconds; that an answer was
lost. ``dovtab`` has what is waited for (WARNING).

The one rule: no line ever holds a token, nor do those of the library below, which has
loggers of its own: a server could repeat it in a header, and they log headers.

Sources: https://docs.python.org/3/howto/logging.html#configuring-logging-for-a-library,
https://www.python-httpx.org/logging/
"""

from __future__ import annotations

import logging

from dovtab.api.exchange import Exchange
from dovtab.api.token import Token

LOGGER = logging.getLogger("dovtab")
REQUESTS = logging.getLogger("dovtab.requests")
# Where nobody wants to hear of it, Python would print warnings.
LOGGER.addHandler(logging.NullHandler())

# A filter of a logger does not see what its children log.
_BELOW = ("connection", "http11", "http2", "proxy", "socks")


def answered(exchange: Exchange, seconds: float, token: Token) -> None:
    """A request is over, with an answer or without."""
    if exchange.attempts and REQUESTS.isEnabledFor(logging.INFO):
        REQUESTS.info("%s", token.removed_from(_line(exchange, seconds)))


def goes_again(exchange: Exchange, delay: float, token: Token) -> None:
    """It went wrong, and is going to be sent once more."""
    told = f"{exchange.error}; attempt {exchange.attempts}, again in {delay:.1f} s"
    REQUESTS.warning("%s", token.removed_from(told))


def lost(exchange: Exchange, token: Token) -> None:
    """It is not known whether a POST has run."""
    REQUESTS.warning("%s; its answer is lost", token.removed_from(str(exchange.error)))


def found(told: str) -> None:
    """What came of the search for what a POST has started whose answer was lost."""
    REQUESTS.warning("%s", told)


class Redaction(logging.Filter):
    """Blots the token out of what the library below logs, as long as this is in use."""

    def __init__(self, token: Token) -> None:
        super().__init__()
        self._token = token

    def begin(self) -> None:
        """From here on."""
        for logger in self._loggers():
            logger.addFilter(self)

    def end(self) -> None:
        """And not any more."""
        for logger in self._loggers():
            logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Everything may be logged, but for that."""
        record.msg, record.args = self._token.removed_from(record.getMessage()), ()
        return True

    def _loggers(self) -> list[logging.Logger]:
        return [logging.getLogger(f"httpcore.{name}") for name in _BELOW]


def _line(exchange: Exchange, seconds: float) -> str:
    status = "no answer" if exchange.status is None else str(exchange.status)
    id = f", request id {exchange.request_id}" if exchange.request_id else ""
    attempt = f", attempt {exchange.attempts}" if exchange.attempts > 1 else ""
    return f"{exchange.request}: {status} in {seconds * 1000:.0f} ms{attempt}{id}"
