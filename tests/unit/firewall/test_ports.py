import re
from pathlib import Path

import pytest

from saltern.firewall.ports import OF_EVERY_NODE, OF_NODE_CLASS, OF_ROLE, OF_SEAL, SERVICES, services_of
from saltern.model import NODE_CLASSES, ROLES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "ports.md"


def test_every_role_and_class_is_in_the_table():
    assert set(OF_ROLE) == set(ROLES)
    assert set(OF_NODE_CLASS) == set(NODE_CLASSES)


def test_every_declared_service_is_offered_by_somebody():
    named = {
        *OF_EVERY_NODE,
        *(name for group in (OF_ROLE, OF_NODE_CLASS, OF_SEAL) for names in group.values() for name in names),
    }
    assert named == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_ports_are_written_as_firewalld_wants_them(service):
    for port in service.ports:
        first, last, _ = re.fullmatch(r"(\d+)(?:-(\d+))?/(tcp|udp)", port).groups()
        assert 0 < int(first) <= int(last or first) < 65536


def test_no_port_belongs_to_two_services():
    ports = [port for service in SERVICES.values() for port in service.ports]
    assert len(ports) == len(set(ports))


def test_only_load_balancers_and_the_bastion_are_open_to_strangers():
    for role in ROLES:
        for node_class in NODE_CLASSES:
            open_to_all = {one.name for one in services_of([role], node_class, "transit") if one.audience == "anywhere"}
            allowed = ({"ssh"} if role == "support" else set()) | (
                {"ingress"} if node_class == "load-balancer" else set()
            )
            assert open_to_all == allowed


def test_the_page_prints_the_table():
    rows = re.findall(
        r"^\| `([\w-]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert rows == [
        (service.name, ", ".join(service.ports), offered_by(service.name), service.audience.value, service.purpose)
        for service in SERVICES.values()
    ]


def offered_by(name):
    offers = ["every node"] if name in OF_EVERY_NODE else []
    offers += [role for role, names in OF_ROLE.items() if name in names]
    offers += [f"support (seal {seal})" for seal, names in OF_SEAL.items() if name in names]
    offers += [f"node class {node_class}" for node_class, names in OF_NODE_CLASS.items() if name in names]
    return ", ".join(offers)
