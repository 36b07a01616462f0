"""Settings, environments and config files that mean no good."""

from __future__ import annotations

from pathlib import Path

import pytest

import dovtab
from dovtab.simulator import Simulator

READ = "SELECT * FROM droplet_actions(1)"


@pytest.mark.parametrize(
    "url", ["http://localhost.evil.example", "http://127.0.0.1@evil.example"]
)
def test_a_host_that_only_looks_like_the_loopback_is_refused(url: str) -> None:
    with pytest.raises(dovtab.SettingsError):
        dovtab.connect(api_url=url)


def test_a_token_of_another_kind_is_not_shown() -> None:
    import traceback

    with pytest.raises(dovtab.SettingsError, match="token must be a text") as caught:
        dovtab.connect(token=b"dop_v1_secret")
    below = caught.value.__traceback__.tb_next if caught.value.__traceback__ else None
    shown = traceback.TracebackException(
        type(caught.value), caught.value, below, capture_locals=True
    )
    assert "dop_v1_secret" not in "".join(shown.format())


@pytest.mark.parametrize(
    "text",
    [
        "access-token: !!timestamp 'SECRET'",
        "access-token: !!bool 'SECRET'",
        "access-token: SECRET\nx: " + "[" * 3000,
        "access-token: SECRET\n"
        + "".join(
            f"{c}: &{c} [*{p}, *{p}]\n"
            for c, p in zip(
                "bcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxy", strict=True
            )
        ),
    ],
)
def test_odd_yaml_is_an_ordinary_error_or_a_token(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(file))
    db = dovtab.connect(api_url=simulator.url)
    with pytest.raises((dovtab.SettingsError, dovtab.APIError)) as caught:
        list(db.execute(READ))
    assert "SECRET" not in str(caught.value)
    db.close()


@pytest.mark.parametrize("path", ["/" + "x" * 5000, "/tmp"])
def test_a_config_file_that_cannot_be_read_is_an_ordinary_error(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", path)
    db = dovtab.connect()
    with pytest.raises(dovtab.SettingsError, match="cannot be read"):
        list(db.execute(READ))
    db.close()


def test_a_number_too_long_to_write_is_an_ordinary_error() -> None:
    with pytest.raises(dovtab.SettingsError, match="max_requests must be a whole number"):
        dovtab.connect(max_requests=10**5000)
