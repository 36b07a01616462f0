"""The helper's own end of the wire: garbage ends the conversation, and starts no action."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import posts
from scripted import settings as settings_of

from dovtab.hosts.pipe import wire
from dovtab.hosts.pipe.channel import ONE_WAY, PROTOCOL, Channel
from dovtab.resources import DROPLET_ACTIONS
from dovtab.simulator import Simulator

KINDS = "HTBFNSUYZCDEXIa\0\xff"
# Answered at once, or there is none: what takes longer hangs.
SECONDS = 5.0
few = settings(deadline=None, suppress_health_check=list(HealthCheck))

number, text = wire.number, wire.text


def calls(id: int, sql: str, *, reads: bool) -> bytes:
    """One statement, which is new."""
    described = bytes((1, reads)) + text(sql)
    return number(1) + number(id) + described + (text("") + number(0) if reads else b"")


def row(**given: int | str) -> bytes:
    """The rowid and the cells of an INSERT."""
    cells = [wire.value(given.get(column.name)) for column in DROPLET_ACTIONS.columns]
    return wire.value(None) + number(len(cells)) + b"".join(cells)


POST = "SELECT droplet_actions_post(1, 'reboot')"
INSERT = "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot')"
TABLE = number(7) + text("droplet_actions") + text("main") + text("droplet_actions") + number(0)
# A whole conversation: each of these is answered, or needs no answer.
REQUESTS = (
    ("T", TABLE),
    ("B", number(7) + number(1) + number(1) + b"\2\1\1" + number(0) * 2 + bytes(8)),
    ("F", calls(1, "SELECT 1", reads=True) + number(2) + number(7) + text("") + number(0)),
    ("N", number(2)),
    ("C", number(2)),
    ("E", number(1)),
    ("X", number(7) + b"\0" + number(0)),
    (
        "U",
        calls(3, INSERT, reads=False)
        + b"\0"
        + number(7)
        + b"\0"
        + row(droplet_id=1, type="reboot"),
    ),
    ("X", number(7) + b"\2" + number(0)),
    ("S", calls(4, POST, reads=True) + text("droplet_actions_wait") + number(0)),
    ("I", b""),
    ("Y", number(0) + number(7)),
    ("Z", number(7)),
    ("D", number(7)),
)


@pytest.fixture
def account(simulator: Simulator) -> bytes:
    """The body of H of a connection that may act on a simulated account of one Droplet."""
    simulator.account.populate(droplets=1, actions=3)
    return hello(**settings_of(simulator))


def hello(**more: str) -> bytes:
    variables = {"DOVTAB_LOG": "off"} | more
    body = [number(PROTOCOL), number(len(variables))]
    return b"".join([*body, *(text(name) + text(value) for name, value in variables.items())])


class Served:
    """A channel that is served by a thread, as the helper serves it."""

    def __init__(self, connection: socket.socket, ours: socket.socket) -> None:
        self.raised: list[BaseException] = []
        self.socket = ours
        self._channel = Channel(connection)
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        try:
            self._channel.serve()
        except BaseException as error:
            self.raised.append(error)

    def send(self, data: bytes) -> None:
        """It may have had enough before."""
        with suppress(OSError):
            self.socket.sendall(data)

    def answer(self) -> str:
        """The letter of what it says; "" if it has closed the connection."""
        with suppress(ConnectionError):
            header = self.socket.recv(wire.HEADER_SIZE, socket.MSG_WAITALL)
            if len(header) == wire.HEADER_SIZE:
                length, kind = wire.header(header)
                assert len(self.socket.recv(length, socket.MSG_WAITALL)) == length
                return kind
        return ""

    def ask(self, frame: bytes) -> str:
        """Send one, and wait for the answer if there has to be one."""
        self.send(frame)
        is_question = chr(frame[wire.HEADER_SIZE - 1]) not in ONE_WAY
        return self.answer() if is_question else ""

    def end(self) -> list[str]:
        """Say no more, and see that it ends; gives what it says until then."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        said = list(iter(self.answer, ""))
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()
        assert self.raised == []
        return said


@contextmanager
def served() -> Iterator[Served]:
    ours, theirs = socket.socketpair()
    with ours:
        ours.settimeout(SECONDS)
        running = Served(theirs, ours)
        try:
            yield running
        finally:
            ours.close()
            running.thread.join(SECONDS)


def conversation(variables: bytes) -> list[bytes]:
    return [wire.frame("H", variables), *(wire.frame(kind, body) for kind, body in REQUESTS)]


def test_a_whole_conversation_is_answered(account: bytes) -> None:
    """So what is made of it below is nearly right."""
    with served() as running:
        said = [running.ask(frame) for frame in conversation(account)]
        assert running.end() == []
    assert "".join(said) == "htbrruekk"


@few
@given(data=st.binary(max_size=80))
def test_noise_is_the_end(data: bytes) -> None:
    with served() as running:
        running.send(data)
        assert set(running.end()) <= {"h", "e"}


@few
@given(
    frames=st.lists(
        st.tuples(st.sampled_from(KINDS), st.binary(max_size=60)), min_size=1, max_size=8
    )
)
def test_frames_of_garbage_are_answered_or_the_end(frames: list[tuple[str, bytes]]) -> None:
    with served() as running:
        running.ask(wire.frame("H", hello()))
        running.send(b"".join(wire.frame(kind, body) for kind, body in frames))
        assert set(running.end()) <= set("tbrvukea")


@pytest.mark.parametrize("seed", range(20))
def test_what_is_nearly_right_is_answered_or_the_end(
    seed: int, account: bytes, simulator: Simulator
) -> None:
    """Each frame changed, cut off or made longer in turn, after all before it."""
    chance = random.Random(seed)
    whole = conversation(account)
    for at in range(len(whole)):
        with served() as running:
            for frame in whole[:at]:
                running.ask(frame)
            wrong, is_whole = damaged(whole[at], chance)
            if is_whole:
                running.ask(wrong)
            else:
                running.send(wrong)
            running.end()
    assert posts(simulator) == 0


def damaged(frame: bytes, chance: random.Random) -> tuple[bytes, bool]:
    """And whether it has all the bytes that it says it has."""
    header, body = frame[: wire.HEADER_SIZE], bytearray(frame[wire.HEADER_SIZE :])
    way = chance.randrange(4)
    if way == 0:
        return frame[: chance.randrange(len(frame))], False
    if way == 1 and body:
        body[chance.randrange(len(body))] = chance.choice((0, 1, 5, 127, 128, 255))
    elif way == 2:
        body = body[: chance.randrange(len(body) + 1)]
    else:
        body += chance.randbytes(4)
    return wire.frame(chr(header[-1]), bytes(body)), True


def test_half_a_request_that_acts_sends_nothing(account: bytes, simulator: Simulator) -> None:
    """Nor does one with bytes that nobody can explain, or of a statement that nobody has
    described; and the whole of it acts once."""
    (droplet,) = simulator.account.droplets
    post = text("droplet_actions_post") + number(2) + wire.value(droplet) + wire.value("reboot")
    acting = calls(1, POST, reads=True) + post
    whole = wire.frame("S", acting)
    for length in range(0, len(whole), 5):
        with served() as running:
            assert running.ask(wire.frame("H", account)) == "h"
            running.send(whole[:length])
            assert running.end() == []
    too_long = wire.frame("S", acting + b"\0")
    of_nobody = wire.frame("S", number(1) + number(1) + b"\0" + post)
    for said, frame in ("", too_long), ("", of_nobody), ("v", whole):
        assert posts(simulator) == 0
        with served() as running:
            assert running.ask(wire.frame("H", account)) == "h"
            assert running.ask(frame) == said
            running.end()
    assert posts(simulator) == 1
