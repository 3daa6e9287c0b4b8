"""The configuration that ``cfssl gencert -config FILE -label LABEL -profile P`` needs at a client outside Salt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Remote:
    """Where a client asks. ``url`` with its scheme: without one, Debian's cfssl asks without TLS, or crashes."""

    label: str
    url: str


def client_config(remote: Remote, profiles: Mapping[str, str], keys: Mapping[str, str]) -> dict[str, Any]:
    """The client's configuration as data; it holds the auth keys, so its file belongs to its user alone (0600).

    :param profiles: profile -> name of its auth key, empty where it needs none. The first one serves where the client
        names no profile.
    :param keys: name -> hexadecimal digits, for each name in ``profiles``.
    """
    used = sorted({key for key in profiles.values() if key})
    config: dict[str, Any] = {
        "signing": {
            "default": _profile(remote, next(iter(profiles.values()))),
            "profiles": {profile: _profile(remote, key) for profile, key in profiles.items()},
        },
        "remotes": {remote.label: remote.url},
    }
    if used:
        config["auth_keys"] = {key: {"type": "standard", "key": keys[key]} for key in used}
    return config


def _profile(remote: Remote, key: str) -> dict[str, Any]:
    """``auth_remote`` makes a client sign its requests; ``auth_key`` beside ``remote`` is a server's setting."""
    if key:
        return {"auth_remote": {"remote": remote.label, "auth_key": key}}
    return {"remote": remote.label}
