"""How many examples a test at random tries: few, which find most of what is wrong, or all.

One rule: the number is this run's profile's, and a test asks for a share of it. ``quick``
is what everybody runs; DOVTAB_TESTS=thorough, as in ``.ci/run``, tries all. Both try the
same examples in every run; ``--hypothesis-profile=explore`` looks for others.

Source: https://hypothesis.readthedocs.io/en/latest/tutorial/settings.html
"""

from __future__ import annotations

import os

import hypothesis

QUICK, THOROUGH, EXPLORE = 50, 300, 5000


def load_profile() -> str:
    """The profile that the environment names; gives its name.

    Raises:
        ValueError: it names none.
    """
    register = hypothesis.settings.register_profile
    register("quick", derandomize=True, max_examples=QUICK)
    register("thorough", derandomize=True, max_examples=THOROUGH)
    register("explore", max_examples=EXPLORE)
    name = os.environ.get("DOVTAB_TESTS") or "quick"
    if name not in ("quick", "thorough"):
        raise ValueError(f"DOVTAB_TESTS is quick or thorough, not {name!r}")
    hypothesis.settings.load_profile(name)
    return name


def examples(thorough: int) -> int:
    """How many to try, of what a thorough run does."""
    return max(1, thorough * hypothesis.settings().max_examples // THOROUGH)


def share_of_examples(share: float) -> int:
    """How many to try: of those that the profile wants of a test, so much."""
    return max(1, int(hypothesis.settings().max_examples * share))
