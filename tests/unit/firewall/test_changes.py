from saltern.firewall import changes, documents

DESIRED = {
    "default_zone": "saltern-drop",
    "zones": {
        "saltern-drop": {"target": "DROP", "description": "d", "sources": [], "interfaces": [], "ports": ["22/tcp"]},
        "saltern": {
            "target": "default",
            "description": "d",
            "sources": ["192.0.2.0/25", "2001:db8::/64"],
            "interfaces": [],
            "ports": ["8301/tcp", "8301/udp"],
        },
    },
    "policies": {},
}
CONF = "DefaultZone=saltern-drop\n"
RUNTIME = {
    "default_zone": "saltern-drop",
    "zones": {
        "saltern-drop": {"target": "DROP", "sources": [], "ports": ["22/tcp"]},
        "saltern": {
            "target": "default",
            "sources": ["2001:DB8:0::/64", "192.0.2.0/25"],
            "ports": ["8301/udp", "8301/tcp"],
        },
    },
}


def configuration(**changed):
    return changes.Configuration(**{"conf": CONF, "files": documents.files(DESIRED), "enabled": True, **changed})


def test_nothing_differs():
    assert changes.of_files(configuration(), DESIRED) == {}
    assert changes.of_runtime(RUNTIME, DESIRED) == {}


def test_a_fresh_node_needs_everything():
    found = changes.of_files(changes.Configuration("", {}, False), DESIRED)
    assert set(found) == {"zones/saltern.xml", "zones/saltern-drop.xml", "default zone", "started at boot"}
    assert found["default zone"] == {"old": "public", "new": "saltern-drop"}


def test_a_file_of_ours_that_is_not_wanted_any_more_goes():
    files = {**documents.files(DESIRED), "policies/saltern-old.xml": "<policy/>"}
    found = changes.of_files(configuration(files=files), DESIRED)
    assert found == {"policies/saltern-old.xml": {"old": "<policy/>", "new": None}}


def test_an_edited_file_is_written_again():
    files = {**documents.files(DESIRED), "zones/saltern.xml": "<zone/>"}
    assert set(changes.of_files(configuration(files=files), DESIRED)) == {"zones/saltern.xml"}


def test_a_dead_firewalld_is_a_difference_though_all_files_are_right():
    assert changes.of_runtime(None, DESIRED) == {"firewalld": {"old": "not running", "new": "running"}}


def test_a_port_that_somebody_opened_at_run_time_is_a_difference():
    zones = {**RUNTIME["zones"], "saltern-drop": {"target": "DROP", "sources": [], "ports": ["22/tcp", "23/tcp"]}}
    assert set(changes.of_runtime({**RUNTIME, "zones": zones}, DESIRED)) == {"running zone saltern-drop"}


def test_a_zone_that_does_not_run_is_a_difference():
    zones = {"saltern-drop": RUNTIME["zones"]["saltern-drop"]}
    assert set(changes.of_runtime({**RUNTIME, "zones": zones}, DESIRED)) == {"running zone saltern"}


def test_another_default_zone_at_run_time_is_a_difference():
    assert set(changes.of_runtime({**RUNTIME, "default_zone": "trusted"}, DESIRED)) == {"running default zone"}


def test_removal_takes_ours_and_gives_the_default_zone_back():
    found = changes.of_removal(configuration())
    assert set(found) == {"zones/saltern.xml", "zones/saltern-drop.xml", "default zone"}
    assert found["default zone"]["new"] == "public"


def test_removal_leaves_the_operators_default_zone():
    assert changes.of_removal(changes.Configuration("DefaultZone=work\n")) == {}
