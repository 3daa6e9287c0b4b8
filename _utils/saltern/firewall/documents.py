"""firewalld's files: zones and policies as XML, and the one line of ``firewalld.conf`` that is ours. Pure.

Form: firewalld.zone(5), firewalld.policy(5), firewalld.conf(5), version 1.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from saltern.firewall.rules import OWNED

_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<!-- Written by Saltern (zone_firewall.managed); changes are undone. -->\n'
)
FALLBACK_ZONE = "public"  # firewalld's default zone where nobody chose one
_DEFAULT_ZONE = re.compile(r"^DefaultZone=(.*)$", re.MULTILINE)


def is_owned(name: str) -> bool:
    """Whether a zone or a policy of this name belongs to Saltern."""
    return name == OWNED or name.startswith(OWNED + "-")


def files(desired: Mapping[str, Any]) -> dict[str, str]:
    """The files that carry ``desired``: path below ``/etc/firewalld`` to content."""
    zones = {f"zones/{name}.xml": zone_xml(name, zone) for name, zone in desired["zones"].items()}
    policies = {f"policies/{name}.xml": policy_xml(name, policy) for name, policy in desired["policies"].items()}
    return {**zones, **policies}


def zone_xml(name: str, zone: Mapping[str, Any]) -> str:
    """One zone as firewalld reads it."""
    lines = [
        *_about(name, zone),
        *(f"  <interface name={quoteattr(interface)}/>" for interface in zone["interfaces"]),
        *(f"  <source address={quoteattr(source)}/>" for source in zone["sources"]),
        *(
            f"  <port port={quoteattr(port)} protocol={quoteattr(protocol)}/>"
            for port, protocol in split(zone["ports"])
        ),
    ]
    target = "" if zone["target"] == "default" else f" target={quoteattr(zone['target'])}"
    return f"{_HEAD}<zone{target}>\n" + "\n".join(lines) + "\n</zone>\n"


def policy_xml(name: str, policy: Mapping[str, Any]) -> str:
    """One policy as firewalld reads it."""
    lines = [
        *_about(name, policy),
        *(f"  <ingress-zone name={quoteattr(zone)}/>" for zone in policy["ingress"]),
        *(f"  <egress-zone name={quoteattr(zone)}/>" for zone in policy["egress"]),
    ]
    return f"{_HEAD}<policy target={quoteattr(policy['target'])}>\n" + "\n".join(lines) + "\n</policy>\n"


def _about(name: str, item: Mapping[str, Any]) -> list[str]:
    return [f"  <short>{escape(name)}</short>", f"  <description>{escape(item['description'])}</description>"]


def split(ports: list[str]) -> list[tuple[str, str]]:
    """``8301/tcp`` as firewalld's pair of port and protocol."""
    return [(port, protocol) for port, _, protocol in (entry.partition("/") for entry in ports)]


def default_zone(conf: str) -> str:
    """The default zone that ``firewalld.conf`` names; firewalld's own default where it names none."""
    found = _DEFAULT_ZONE.search(conf)
    return found.group(1).strip() if found else FALLBACK_ZONE


def with_default_zone(conf: str, zone: str) -> str:
    """``firewalld.conf`` with ``zone`` as the default zone and every other line as it was."""
    line = f"DefaultZone={zone}"
    if _DEFAULT_ZONE.search(conf):
        return _DEFAULT_ZONE.sub(line, conf, count=1)
    return f"{conf.rstrip()}\n{line}\n" if conf.strip() else f"{line}\n"
