"""An impostor of the helper, which says what nobody should: ``fuzz.py SEED``.

It knows what the extension asks for and gives right answers, most of them damaged: by
other bytes, cut short, of another kind, garbage, too long, or none and the connection
closed. The same seed does the same.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

COLUMNS = ("id INTEGER", "droplet_id INTEGER", "type TEXT", "attributes TEXT", "tag_name TEXT")
SCHEMA = f"CREATE TABLE x({', '.join(COLUMNS)})"
EQUALS = 2
ODD = (0, 1, 2, 3, 4, 5, 127, 128, 255)


def number(value: int) -> bytes:
    return struct.pack("<I", value & 0xFFFFFFFF)


def text(value: bytes) -> bytes:
    return number(len(value)) + value


class Conversation:
    """One connection's."""

    def __init__(self, connection: socket.socket, chance: random.Random) -> None:
        self._socket = connection
        self._chance = chance
        answers: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
            "H": ("h", self._hello),
            "T": ("t", self._table),
            "B": ("b", self._plan),
            "F": ("r", self._rows),
            "N": ("r", self._rows),
            "S": ("v", lambda body: self._value()),
            "U": ("u", lambda body: struct.pack("<q", -1)),
            "Y": ("k", lambda body: b""),
            "Z": ("k", lambda body: b""),
        }
        self._answers = answers

    def serve(self) -> None:
        """Until either side has had enough."""
        with self._socket, suppress(OSError), self._socket.makefile("rb") as read:
            while len(header := read.read(5)) == 5:
                length, kind = struct.unpack("<IB", header)
                body = read.read(length)
                if chr(kind) not in self._answers:
                    continue
                answer, make = self._answers[chr(kind)]
                # Without a connection there is nothing to damage later.
                often = 0.15 if answer in "ht" else 0.75
                if not self._send(answer, make(body), damage=self._chance.random() < often):
                    return

    def _send(self, kind: str, body: bytes, *, damage: bool) -> bool:
        """Whether the conversation goes on."""
        chance = self._chance
        way = chance.choices(range(8), (50, 15, 10, 8, 5, 5, 5, 2))[0] if damage else None
        length = None
        if way == 0:
            body = self._other_bytes(body)
        elif way == 1:
            body = body[: chance.randrange(len(body) + 1)]
        elif way == 2:
            body = chance.randbytes(chance.randrange(60))
        elif way == 3:
            kind = chance.choice("htbrvuke aX\0")
        elif way == 4:
            kind, body = "e", chance.choice((b"", number(9), number(19) + text(b"no"), body))
        elif way == 5:
            length = chance.choice((0xFFFFFFFF, 0x7FFFFFFF, 1 << 30, len(body) + 5, 0))
        elif way == 6:
            self._socket.sendall(body[:3])
            return False
        elif way == 7:
            body += bytes(1 << 20)
        length = len(body) if length is None else length
        alive = chance.randrange(2) * b"\0\0\0\0a"
        self._socket.sendall(alive + struct.pack("<IB", length, ord(kind)) + body)
        # What is too long would be waited for; what nobody asked for comes too soon.
        return length == len(body) and chance.random() > 0.02

    def _other_bytes(self, body: bytes) -> bytes:
        changed = bytearray(body)
        for _ in range(self._chance.randint(1, 4) if body else 0):
            at = self._chance.randrange(len(changed))
            changed[at] = self._chance.choice((*ODD, self._chance.randrange(256)))
        return bytes(changed)

    def _hello(self, body: bytes) -> bytes:
        modules = (b"droplet_actions", 1, 1), (b"dovtab_log", 0, 0)
        functions = (b"droplet_actions_post", 1), (b"droplet_actions_wait", 0)
        parts = [text(b"1.0"), number(len(modules))]
        parts += [text(name) + bytes(flags) for name, *flags in modules]
        parts += [number(len(functions))]
        parts += [text(name) + bytes((acts,)) for name, acts in functions]
        return b"".join(parts)

    def _table(self, body: bytes) -> bytes:
        # Of another helper the columns may be others, too.
        more = self._chance.choice((0, 0, 0, 0, 1, 300))
        return b"\1" + number(len(COLUMNS) + more) + text(SCHEMA.encode())

    def _plan(self, body: bytes) -> bytes:
        (count,) = struct.unpack_from("<I", body, 4)
        usages, used = [], 0
        for column, op, usable, is_set in struct.iter_unpack("<iBBB", body[8 : 8 + 7 * count]):
            takes = column == 1 and op == EQUALS and usable
            used += takes
            usages.append(struct.pack("<iBB", used if takes else 0, 0, takes and is_set))
        costs = struct.pack("<dqB", 10.0, 5, self._chance.randrange(2))
        return b"\1" + number(count) + b"".join(usages) + costs + text(b"plan")

    def _rows(self, body: bytes) -> bytes:
        count = self._chance.randrange(5)
        last = count == 0 or self._chance.random() < 0.6
        rows = (b"".join(self._value() for _ in COLUMNS) + bytes(8) for _ in range(count))
        return bytes((last,)) + number(count) + b"".join(rows)

    def _value(self) -> bytes:
        chance = self._chance
        return chance.choice(
            (
                b"\0",
                b"\1" + struct.pack("<q", chance.choice((0, 1, 2, 3, -(2**63), 2**63 - 1))),
                b"\2" + struct.pack("<d", chance.choice((1.5, float("inf"), float("nan")))),
                b"\3" + text(chance.choice((b"", b"reboot", b"a\0b", b"\xff\xfe"))),
                b"\4" + text(chance.randbytes(chance.randrange(40))),
            )
        )


def main() -> None:
    """Start as a helper does."""
    if os.fork():
        sys.exit()
    os.setsid()
    seed, served = int(sys.argv[1]), 0
    with socket.socket(fileno=3) as control:
        control.sendall(b"R")
        while True:
            try:
                came, passed, _, _ = socket.recv_fds(control, 1, 1)
            except OSError:
                break
            for descriptor in passed:
                chance = random.Random(f"{seed} {served}")
                served += 1
                conversation = Conversation(socket.socket(fileno=descriptor), chance)
                threading.Thread(target=conversation.serve, daemon=True).start()
            if not came:
                break


if __name__ == "__main__":
    main()
