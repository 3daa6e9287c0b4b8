from saltern.cfssl.client_config import Remote, client_config


def test_a_client_is_configured_with_its_own_keys_only() -> None:
    made = client_config(
        Remote("support", "https://192.0.2.1:8888"), {"web": "web", "open": ""}, {"web": "00", "x": "1"}
    )
    assert made["signing"]["default"] == made["signing"]["profiles"]["web"]
    assert made["signing"]["profiles"]["web"] == {"auth_remote": {"remote": "support", "auth_key": "web"}}
    assert made["signing"]["profiles"]["open"] == {"remote": "support"}
    assert made["remotes"] == {"support": "https://192.0.2.1:8888"}
    assert made["auth_keys"] == {"web": {"type": "standard", "key": "00"}}


def test_a_client_of_open_profiles_gets_no_keys() -> None:
    assert "auth_keys" not in client_config(Remote("support", "https://192.0.2.1:8888"), {"open": ""}, {"x": "1"})
