"""The files that the states write: parsed, checked by the programs that read them, and searched for secrets."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import hcl2
import pytest
from salt.exceptions import SaltRenderError

from render import cluster
from render.checks import find
from render.minion import ROOT, Rendered

CACHE = Path("/var/cache/saltern/artifacts")
SERVICES = ("consul", "nomad", "vault")


def templates(minion: Rendered, target: Path) -> dict[str, tuple[dict[str, object], str]]:
    """Path on the node to the state that writes it and the content, for every template of the highstate."""
    chunks = [chunk for chunk in find(minion.chunks(), "file.managed") if chunk.get("template") == "jinja"]
    return {chunk["name"]: (chunk, minion.template(chunk["source"], target)) for chunk in chunks}


def program(name: str) -> str:
    """A built artifact of this machine."""
    found = sorted((CACHE / name).glob(f"*/{name}"))
    if not found:
        pytest.skip(f"{name} is not built on this machine: {CACHE / name} is empty")
    return str(found[-1])


@pytest.mark.parametrize(("group", "seal", "family", "reached"), cluster.contexts())
def test_hcl_parses_and_secrets_are_guarded(render, tmp_path, group, seal, family, reached):
    minion = render(cluster.pillar(group, seal, family, reached=reached))
    written = templates(minion, tmp_path / "out")
    assert "/etc/consul.d/consul.hcl" in written
    for path, (chunk, text) in written.items():
        if path.endswith(".hcl"):
            assert hcl2.loads(text), path
        if cluster.SECRET in text:
            assert (chunk["mode"], chunk["user"], chunk["show_changes"]) == ("0640", "root", False), path
            assert chunk["group"] == (
                "root"
                if "nomad-client" in minion.opts["grains"]["role"] and "nomad" in path
                else path.split("/")[2].split(".")[0]
            )


@pytest.mark.parametrize(("group", "seal", "family", "reached"), cluster.contexts())
def test_every_key_and_certificate_that_a_file_names_is_one_the_node_holds(
    render, tmp_path, group, seal, family, reached
):
    pillar = cluster.pillar(group, seal, family, reached=reached)
    held = set()
    for certificate in pillar["saltern"]["certificates"]:
        folder = f"/etc/ssl/{certificate['application']}"
        held |= {f"{folder}/{certificate['name']}.pem", f"{folder}/{certificate['name']}-key.pem"}
        held |= {f"{folder}/{root}-ca.pem" for root in pillar["saltern"]["trust"]}
    for path, (_, text) in templates(render(pillar), tmp_path / "out").items():
        assert set(re.findall(r"/etc/ssl/[\w./-]+", text)) <= held, path


@pytest.mark.parametrize("secret", ["consul_gossip", "vault_seal_token", "vault_storage_token", "nomad_gossip"])
def test_a_missing_secret_is_an_error_never_an_empty_string(render, tmp_path, secret):
    pillar = cluster.pillar("server")
    del pillar["saltern"]["secrets"][secret]
    with pytest.raises(SaltRenderError, match=secret):
        templates(render(pillar), tmp_path / "out")


@pytest.mark.parametrize(("group", "seal", "family", "reached"), cluster.contexts())
def test_consul_accepts_its_file(render, tmp_path, group, seal, family, reached):
    written = templates(render(cluster.pillar(group, seal, family, reached=reached)), tmp_path / "out")
    text = written["/etc/consul.d/consul.hcl"][1].replace(cluster.SECRET + "consul_gossip", "A" * 43 + "=")
    file = tmp_path / "consul.hcl"
    file.write_text(text.replace("/etc/ssl/consul", str(tmp_path)), encoding="utf-8")
    done = subprocess.run(
        [program("consul"), "validate", "-config-format=hcl", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("family", cluster.FAMILIES)
@pytest.mark.parametrize("group", ["server", "planner", "general", "edge"])
def test_nomad_accepts_its_file(render, tmp_path, group, family):
    written = templates(render(cluster.pillar(group, family=family)), tmp_path / "out")
    # The interface is looked up on the machine that checks: its own loopback stands for the node's.
    text = re.sub(r"include `address` `[^`]+`", "include `name` `lo`", written["/etc/nomad.d/nomad.hcl"][1])
    file = tmp_path / "nomad.hcl"
    file.write_text(text.replace(cluster.SECRET + "nomad_gossip", "A" * 43 + "="), encoding="utf-8")
    done = subprocess.run(
        [program("nomad"), "config", "validate", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_jobs_get_containers_and_nothing_else(render, tmp_path):
    nomad = hcl2.loads(templates(render(cluster.pillar("general")), tmp_path / "out")["/etc/nomad.d/nomad.hcl"][1])
    assert [name for plugin in nomad["plugin"] for name in plugin if not name.startswith("__")] == ['"docker"']
    config = nomad["plugin"][0]['"docker"']["config"][0]
    assert config["allow_privileged"] is False
    assert config["volumes"][0]["enabled"] is False
    assert nomad["client"][0]["options"]['"driver.allowlist"'] == '"docker"'
    assert "host_volume" not in nomad["client"][0]


@pytest.mark.parametrize("path", sorted((ROOT / "salt").rglob("*.service")), ids=lambda path: path.name)
def test_systemd_accepts_the_unit(tmp_path, path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    file = tmp_path / path.name
    text = re.sub(
        r"/opt/saltern/bin/\w+|/opt/saltstack/bin/salt-call|/usr/sbin/nft",
        "/bin/true",
        path.read_text(encoding="utf-8"),
    )
    file.write_text(re.sub(r"^(User|Group)=.*$", r"\1=root", text, flags=re.MULTILINE), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert file.name not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "salt").rglob("*.service")), ids=lambda path: path.name)
def test_a_unit_is_sandboxed_or_says_why_not(path):
    text = path.read_text(encoding="utf-8")
    sandboxed = "NoNewPrivileges=yes" in text and "ProtectSystem=strict" in text
    assert sandboxed or "# Root and no sandbox, because" in text
