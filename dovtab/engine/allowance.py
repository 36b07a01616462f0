"""What to say of a statement that has made as many requests as it may.

How many it takes is known in part: of a list that was begun, of a set in IN, of what a
join was foreseen to ask for. More can come to that, and one list of all may take the place
of many, so it is "about". It is said when the requests are used up, and not as soon as the
first page of a list is known to be one of too many: nobody tells a table when its rows will
not be wanted any more, by a LIMIT around it, an EXISTS, an inner loop that is left, or a
program that stops reading.

Pure. Source: https://sqlite.org/vtab.html#the_xclose_method
"""

from __future__ import annotations

from math import ceil

from dovtab.api.quota import HOUR_REQUESTS, MINUTE_REQUESTS

# So that it does not fail again for a few pages that come in the meantime.
_SPARE = 1.02


def refusal(made: tuple[int, int, int], expected: int, allowed: int, key: str) -> str:
    """Why it stops, how many requests it takes as far as is known, and what to do.

    Args:
        made: how many it has made, how many of them started actions, and how many
            actions it has asked for, to be sent at COMMIT.
        expected: how many it will have made, as far as is known.
        allowed: the setting ``max_requests``.
        key: the column to bind.

    >>> print(refusal((500, 0, 0), 1240, 500, "droplet_id"))  # doctest: +NORMALIZE_WHITESPACE
    requests made by this statement: 500 and it needs more than max_requests=500: about
    1,240 (5 minutes of the quota). Allow them with max_requests=1300 (DOVTAB_MAX_REQUESTS,
    dovtab --max-requests 1300), or narrow it (WHERE droplet_id = ...)
    """
    requests, actions, queued = made
    started = f", {actions} of which started actions," if actions else ""
    asked = f", and {queued} actions asked for," if queued else ""
    said = (
        f"requests made by this statement: {requests}{started}{asked} and it needs more than"
        f" max_requests={allowed}"
    )
    needed = max(expected + queued, allowed + 1)
    if needed > allowed + 1:
        number = str(_round_up(needed * _SPARE))
        known, allow = f": about {needed:,} ({quota_time(needed)} of the quota)", "them"
    else:
        number, known, allow = "N", "; how many is not known", "more"
    return (
        f"{said}{known}. Allow {allow} with max_requests={number} (DOVTAB_MAX_REQUESTS,"
        f" dovtab --max-requests {number}), or narrow it (WHERE {key} = ...)"
    )


def quota_time(requests: int) -> str:
    """How long the quota makes so many take.

    >>> quota_time(250), quota_time(1240), quota_time(12_000)
    ('a minute', '5 minutes', '3 hours')
    """
    unit, number = "minute", ceil(requests / MINUTE_REQUESTS)
    if requests > HOUR_REQUESTS:
        unit, number = "hour", ceil(requests / HOUR_REQUESTS)
    return f"a {unit}" if number == 1 else f"{number} {unit}s"


def _round_up(number: float) -> int:
    """To two digits and zeros."""
    step = int(10 ** max(0, len(str(ceil(number))) - 2))
    return ceil(number / step) * step
