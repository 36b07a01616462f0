"""The record of what was asked for: bounded, and sure whose an action is."""

from __future__ import annotations

import pytest

from dovtab.api.exchange import Request
from dovtab.engine.acting import posts
from dovtab.engine.acting.posts import Post, Posts, Started
from dovtab.resources import DROPLET_ACTIONS, Column


def sent(id: int, context: str | None) -> Post:
    assert DROPLET_ACTIONS.acts is not None
    request = Request(DROPLET_ACTIONS.acts.post, {"droplet_id": 1}, body={"type": "reboot"})
    post = Post(request, DROPLET_ACTIONS, context)
    post.ended("sent", None, [Started(1, id, "sent")])
    return post


def test_whose_an_action_is_stays_known_when_its_post_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another account's token must never ask for it."""
    monkeypatch.setattr(posts, "KEPT", 3)
    record = Posts()
    for id in range(1, 11):
        record.add(sent(id, "prod" if id % 2 else None))
    whose = [record.context(DROPLET_ACTIONS, 1, id) for id in range(1, 12)]
    assert whose == ["prod", None] * 5 + [None]
    assert len(record.rows((Column("seq", "INTEGER", ""),))) == 3
    assert record.started(DROPLET_ACTIONS, "prod") == [(1, 9)]
    assert record.unreported() == {"sent": 3}


def test_an_action_is_known_by_its_droplet_too() -> None:
    """Two rehearsal accounts may count alike."""
    record = Posts()
    record.add(sent(7, "prod"))
    assert record.context(DROPLET_ACTIONS, 1, 7) == "prod"
    assert record.context(DROPLET_ACTIONS, 2, 7) is None


def test_what_an_unknown_post_may_have_started_is_asked_for_with_its_token() -> None:
    record = Posts()
    post = sent(7, "prod")
    post.ended("unknown", "no answer")
    record.add(post)
    assert record.context(DROPLET_ACTIONS, 1, 8) == "prod"
    assert record.context(DROPLET_ACTIONS, 2, 8) is None
