"""What the runners written in Python share: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

Answer = dict[str, Any]


def say(**answer: Any) -> None:
    """Print one answer; a date or time as the text that it makes."""
    print(json.dumps(answer, default=str), flush=True)


def serve(answer: Callable[[str, float | None], Answer]) -> None:
    """Answer every request of standard input until its end."""
    for line in sys.stdin:
        request = json.loads(line)
        say(**answer(request["sql"], request.get("interrupt_after")))
