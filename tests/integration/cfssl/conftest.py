"""The door and Debian's multirootca, both over TLS by one root."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support_certificates import Root
from support_cfssl import KEY_TEXT
from support_cfssl_door import Door, free_port, listening, running
from support_services import Process


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cfssl")


@pytest.fixture(scope="session")
def tls(directory: Path) -> Root:
    return Root(directory / "tls", "support")


@pytest.fixture(scope="session")
def door(directory: Path, tls: Root) -> Iterator[Door]:
    here = directory / "door"
    here.mkdir()
    with running(here, tls.leaf("door", ["127.0.0.1"], ["localhost"]), tls.ca_file) as made:
        yield made


@pytest.fixture(scope="session")
def multirootca(directory: Path, tls: Root) -> Iterator[int]:
    """Debian's multirootca over TLS with a root of its own in ``directory/multirootca``; its port."""
    here, port = directory / "multirootca", free_port()
    here.mkdir()
    made = subprocess.run(
        ["cfssl", "gencert", "-initca", "-"],
        input=json.dumps({"CN": "multirootca test root", "key": {"algo": "ecdsa", "size": 256}}),
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    for name, field in (("ca.pem", "cert"), ("ca-key.pem", "key")):
        (here / name).write_text(json.loads(made.stdout)[field])
    profile = {"expiry": "24h", "usages": ["signing", "server auth"], "auth_key": "web"}
    config: dict[str, Any] = {"signing": {"default": profile, "profiles": {"web": profile}}}
    config["auth_keys"] = {"web": {"type": "standard", "key": KEY_TEXT}}
    (here / "cfssl.json").write_text(json.dumps(config))
    lines = f"private = file://{here}/ca-key.pem\ncertificate = {here}/ca.pem\nconfig = {here}/cfssl.json\n"
    (here / "roots.conf").write_text(f"[ primary ]\n{lines}")
    leaf = tls.leaf("multirootca", ["127.0.0.1"], ["localhost"])
    command = ["multirootca", "-a", f"127.0.0.1:{port}", "-roots", str(here / "roots.conf"), "-l", "primary"]
    process = Process("multirootca", here, [*command, "-tls-cert", str(leaf.certificate), "-tls-key", str(leaf.key)])
    process.start()
    try:
        listening(process, port)
        yield port
    finally:
        process.stop()
