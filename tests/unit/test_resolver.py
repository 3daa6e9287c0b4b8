import pytest

from saltern import resolver

RESOLVED_STUB = "nameserver 127.0.0.53\noptions edns0\n"


@pytest.mark.parametrize(
    ("resolv_conf", "resolved", "expected"),
    [
        ("nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch example.org\n", "", ["192.0.2.53", "2001:db8::53"]),
        ("", "", []),
        ("# nameserver 192.0.2.53\n", "", []),
        ("nameserver 127.0.0.1\nnameserver ::1\n", "", []),
        ("nameserver 192.0.2.53\nnameserver 192.0.2.53\n", "", ["192.0.2.53"]),
        (RESOLVED_STUB, "nameserver 192.0.2.54\n", ["192.0.2.54"]),
        (RESOLVED_STUB, "", []),
    ],
)
def test_former_name_servers(resolv_conf, resolved, expected):
    assert resolver.upstream(resolv_conf, resolved) == expected


@pytest.mark.parametrize("servers", [[], ["192.0.2.53"], ["192.0.2.53", "2001:db8::53"]])
def test_our_file_remembers_them(servers):
    ours = resolver.resolv_conf(servers)
    assert "\nnameserver 127.0.0.1\n" in ours
    assert resolver.upstream(ours, "nameserver 203.0.113.1\n") == servers
    assert resolver.resolv_conf(resolver.upstream(ours)) == ours


def test_without_consul_the_former_name_servers_come_back():
    assert resolver.former(resolver.resolv_conf(["192.0.2.53"])) == "nameserver 192.0.2.53\n"
    assert resolver.former(RESOLVED_STUB) == RESOLVED_STUB
