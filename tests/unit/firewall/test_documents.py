import xml.etree.ElementTree as ET

import pytest

from saltern.firewall import documents

ZONE = {
    "target": "DROP",
    "description": "a < b & c",
    "sources": ["192.0.2.0/25"],
    "interfaces": ["nomad"],
    "ports": ["20000-32000/udp"],
}


def parsed(text):
    return ET.fromstring(text.encode())  # noqa: S314 - our own document


def test_a_zone_carries_target_sources_interfaces_and_ports():
    root = parsed(documents.zone_xml("saltern-x", ZONE))
    assert (root.tag, root.attrib) == ("zone", {"target": "DROP"})
    assert root.findtext("description") == "a < b & c"
    assert [element.attrib for element in root if element.tag not in ("short", "description")] == [
        {"name": "nomad"},
        {"address": "192.0.2.0/25"},
        {"port": "20000-32000", "protocol": "udp"},
    ]


def test_the_default_target_is_left_out_as_firewalld_does():
    assert parsed(documents.zone_xml("saltern", {**ZONE, "target": "default"})).attrib == {}


def test_a_policy_names_where_traffic_comes_from_and_goes_to():
    policy = {"target": "ACCEPT", "description": "out", "ingress": ["saltern-jobs"], "egress": ["ANY"]}
    root = parsed(documents.policy_xml("saltern-jobs-out", policy))
    assert root.attrib == {"target": "ACCEPT"}
    assert root.find("ingress-zone").attrib == {"name": "saltern-jobs"}
    assert root.find("egress-zone").attrib == {"name": "ANY"}


@pytest.mark.parametrize(
    ("conf", "found", "expected"),
    [
        ("# c\nDefaultZone=public\nLogDenied=off\n", "public", "# c\nDefaultZone=saltern-drop\nLogDenied=off\n"),
        ("LogDenied=off\n", "public", "LogDenied=off\nDefaultZone=saltern-drop\n"),
        ("", "public", "DefaultZone=saltern-drop\n"),
        ("DefaultZone=work\n", "work", "DefaultZone=saltern-drop\n"),
        ("# DefaultZone=work\n", "public", "# DefaultZone=work\nDefaultZone=saltern-drop\n"),
    ],
)
def test_one_line_of_the_configuration_is_ours(conf, found, expected):
    assert documents.default_zone(conf) == found
    assert documents.with_default_zone(conf, "saltern-drop") == expected
    assert documents.default_zone(expected) == "saltern-drop"


@pytest.mark.parametrize(
    ("name", "expected"), [("saltern", True), ("saltern-drop", True), ("salternative", False), ("public", False)]
)
def test_what_is_ours_is_known_by_its_name(name, expected):
    assert documents.is_owned(name) is expected
