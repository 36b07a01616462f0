"""A DigitalOcean account: its Droplets, its actions, its tokens.

The state moves by the clock, lazily: reading or acting first lets everything
happen that is due. All of it is guarded by ``lock``, which nobody holds while
sleeping or sending.

Source: https://docs.digitalocean.com/reference/api/digitalocean/
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence, Set
from functools import partial
from itertools import count
from operator import attrgetter

from dovtab.simulator.access import Tokens
from dovtab.simulator.agenda import Agenda
from dovtab.simulator.bodies import AskedAction
from dovtab.simulator.catalogue import GPU_SIZE, SIZES
from dovtab.simulator.clock import Clock, Moment, timestamp
from dovtab.simulator.course import course, end
from dovtab.simulator.fleet import populate
from dovtab.simulator.ledger import Ledger
from dovtab.simulator.model import Action, Droplet
from dovtab.simulator.rules import Rules

FIRST_DROPLET_ID = 3164444
_FIRST_IMAGE_ID = 67_512_819
_OLD_KERNEL = 7515
_MONTH = 30 * 86400.0
_USUAL_SECONDS = 10.0


class Account:
    """The state behind the API, open to the test that arranges it."""

    def __init__(self, clock: Clock, rules: Rules, seed: int = 1) -> None:
        self.clock = clock
        self.rules = rules
        self.seed = seed
        self.lock = threading.RLock()
        self.tokens = Tokens(rules)
        self._droplets: dict[int, Droplet] = {}
        self._ledger = Ledger()
        self._agenda = Agenda()
        self._images = count(_FIRST_IMAGE_ID)

    # Arranging

    def add_token(
        self, token: str, scopes: Set[str] | None = None, label: str | None = None
    ) -> None:
        """Accept a token; ``scopes`` None means all."""
        with self.lock:
            self.tokens.add(token, scopes, label)

    def add_droplet(
        self,
        droplet_id: int | None = None,
        name: str | None = None,
        *,
        tags: Iterable[str] = (),
        region: str = "nyc3",
        size: str = "s-1vcpu-1gb",
        status: str = "active",
        features: Iterable[str] = (),
        gpu: bool = False,
        kernel_managed: bool = False,
        backup_ids: Iterable[int] = (),
        image: int | str = "ubuntu-24-04-x64",
        created_at: Moment | None = None,
        team: str = "",
    ) -> Droplet:
        """A Droplet that is simply there, with no action in its history.

        Args:
            droplet_id: None: one more than the largest.
            kernel_managed: DigitalOcean manages its kernel, as it did before 2017.
            created_at: RFC 3339 text or seconds; None: a month ago.

        Raises:
            ValueError: there is a Droplet with this id.
        """
        if gpu:
            size = GPU_SIZE
        with self.lock:
            if droplet_id is None:
                droplet_id = max(self._droplets, default=FIRST_DROPLET_ID - 1) + 1
            if droplet_id in self._droplets:
                raise ValueError(f"there is a Droplet {droplet_id} already")
            if created_at is None:
                created_at = self.clock.time() - _MONTH
            droplet = Droplet(
                id=droplet_id,
                name=name or f"droplet-{droplet_id}",
                region=region,
                size=size,
                disk=SIZES[size].disk,
                status=status,
                created_at=timestamp(created_at),
                powered=status in ("new", "active"),
                image=image,
                tags=tuple(tags),
                features=tuple(features),
                backup_ids=tuple(backup_ids),
                kernel=_OLD_KERNEL if kernel_managed else None,
                gpu=gpu,
                team=team,
            )
            self._droplets[droplet_id] = droplet
            return droplet

    def add_action(
        self,
        droplet_id: int,
        type: str = "reboot",
        status: str = "completed",
        started_at: Moment | None = None,
        completed_at: Moment | None = None,
        *,
        id: int | None = None,
        region: str | None = None,
        seconds: float | None = None,
    ) -> Action:
        """A row of a Droplet's history, whether or not the Droplet exists.

        Args:
            started_at: RFC 3339 text or seconds; None: just now.
            completed_at: None: ten seconds after a start in seconds, unless it
                is in progress.
            id: None: one more than the largest.
            region: a slug; None: the Droplet's.
            seconds: for a row in progress, which locks its Droplet: when it
                completes; None: never.
        """
        with self.lock:
            droplet = self._droplets.get(droplet_id)
            slug = region or (droplet.region if droplet else "nyc3")
            action = self._add(
                id, type, status, started_at, completed_at, droplet_id, "droplet", slug
            )
            if status == "in-progress" and droplet is not None:
                droplet.pending = action.id
                if seconds is not None:
                    due = self.clock.time() + seconds
                    self._agenda.add(due, partial(end, action, droplet, due, self.rules))
            return action

    def add_foreign_action(
        self,
        resource_type: str,
        resource_id: int | None = None,
        type: str = "transfer",
        status: str = "completed",
        started_at: Moment | None = None,
        completed_at: Moment | None = None,
        *,
        id: int | None = None,
        region: str | None = "nyc3",
    ) -> Action:
        """A row of the account's list that is no Droplet's: an image's, a backend's."""
        with self.lock:
            return self._add(
                id, type, status, started_at, completed_at, resource_id, resource_type, region
            )

    def populate(self, droplets: int = 10, actions: int = 8, in_progress: int = 0) -> None:
        """A fleet with a plausible history; the same for the same seed and time.

        Args:
            actions: for each Droplet.
            in_progress: Droplets that are just being rebooted.
        """
        with self.lock:
            populate(self, droplets, actions)
            for droplet in [d for d in self.living() if d.powered][:in_progress]:
                self.start(droplet, AskedAction("reboot", {}))

    def destroy(self, droplet_id: int) -> Action:
        """Destroy a Droplet; the account's list keeps its rows, and has one more."""
        with self.lock:
            self._droplets[droplet_id].destroyed = True
            return self.add_action(droplet_id, "destroy")

    def fail_next(self, droplet_id: int) -> None:
        """The next action that starts on this Droplet will end errored."""
        with self.lock:
            self._droplets[droplet_id].fail_next = True

    # Reading

    @property
    def droplets(self) -> dict[int, Droplet]:
        """Every Droplet by id, as of now, destroyed ones included."""
        with self.lock:
            self.settle()
            return self._droplets

    @property
    def actions(self) -> dict[int, Action]:
        """Every action by id, as of now, those of other resources included."""
        with self.lock:
            self.settle()
            return self._ledger.by_id

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        self._agenda.run_until(self.clock.time())

    def living(self) -> list[Droplet]:
        """The Droplets that were not destroyed, by id."""
        alive = (droplet for droplet in self._droplets.values() if not droplet.destroyed)
        return sorted(alive, key=attrgetter("id"))

    def history(self, droplet_id: int | None = None) -> Sequence[Action]:
        """The actions of a Droplet, or of the account, by id, as lists show them."""
        return self._ledger.rows(droplet_id)

    def started_by(self, action_id: int) -> str | None:
        """The label of the token that started it, ``colleague``, or None: history."""
        return self.actions[action_id].started_by

    def started_by_request(self, action_id: int) -> int | None:
        """The log's ``seq`` of the POST that started it, or None: no POST of the log."""
        return self.actions[action_id].started_by_request

    # Acting

    def start(
        self,
        droplet: Droplet,
        asked: AskedAction,
        by: str | None = None,
        request: int | None = None,
    ) -> Action:
        """Start an action that the Droplet is fit for, and lock the Droplet.

        Args:
            by: the label of the token that asks for it; None: nobody, it just is.
            request: the log's ``seq`` of the POST, if there is one.
        """
        now = self.clock.time()
        lag = self.rules.list_lag
        action = self._add(
            None,
            asked.type,
            "in-progress",
            now,
            None,
            droplet.id,
            "droplet",
            droplet.region,
            listed=lag <= 0,
        )
        if lag > 0:
            self._agenda.add(now + lag, partial(self._ledger.show, action))
        action.visible_from = now + self.rules.new_action_404
        action.started_by, action.started_by_request = by, request
        droplet.pending = action.id
        errs = droplet.fail_next or asked.type in self.rules.errored_types
        droplet.fail_next = False
        new_image = self._images.__next__
        for due, event in course(action, droplet, asked, now, self.rules, new_image, errs=errs):
            self._agenda.add(due, event)
        return action

    def _add(
        self,
        id: int | None,
        type: str,
        status: str,
        started_at: Moment | None,
        completed_at: Moment | None,
        resource_id: int | None,
        resource_type: str,
        region: str | None,
        *,
        listed: bool = True,
    ) -> Action:
        over = status != "in-progress"
        if started_at is None:
            started_at = self.clock.time() - (_USUAL_SECONDS if over else 0)
        if completed_at is None and over and not isinstance(started_at, str):
            completed_at = started_at + _USUAL_SECONDS
        action = Action(
            id=self._ledger.next_id() if id is None else id,
            status=status,
            type=type,
            started_at=timestamp(started_at),
            completed_at=None if completed_at is None else timestamp(completed_at),
            resource_id=resource_id,
            resource_type=resource_type,
            region_slug=region,
        )
        self._ledger.add(action, listed=listed)
        return action
