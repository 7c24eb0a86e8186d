import pytest
from gateway.settings import GatewaySettings, Role

STRONG = "0123456789abcdef01234567"
BASE = {
    "BILLING_TARGET": "127.0.0.1:1",
    "ROUTER_CONTROL_TARGET": "127.0.0.1:2",
    "NOTIFY_TARGET": "127.0.0.1:3",
    "API_TOKEN": f"token-{STRONG}",
    "CALLBACK_SECRETS": STRONG,
    "GATEWAY_SPOOL": "spool",
}


@pytest.fixture
def load(monkeypatch):
    def load(**changes):
        for name, value in {**BASE, **changes}.items():
            if value is ...:
                monkeypatch.delenv(f"LIPANET_{name}", raising=False)
            else:
                monkeypatch.setenv(f"LIPANET_{name}", value)
        return GatewaySettings.load()

    return load


def test_what_is_not_set_has_its_default(load):
    settings = load()
    assert (settings.gateway_port, settings.gateway_role, settings.sandbox) == (8080, Role.BOTH, False)
    assert settings.callback_secrets == (STRONG,)


@pytest.mark.parametrize(
    "changes",
    [
        {"CALLBACK_SECRETS": ..., "CALLBACK_NETWORKS": "196.201.214.0/24, 196.201.213.114"},
        {"CALLBACK_SECRETS": ..., "SANDBOX": "true"},
        {"CALLBACK_SECRETS": f"{STRONG},{STRONG}x"},
        {"TRUSTED_PROXIES": "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7, 127.0.0.1, ::1"},
        {"CALLBACK_SECRETS": ..., "API_TOKEN": ..., "GATEWAY_SPOOL": ..., "GATEWAY_ROLE": "dispatcher"},
    ],
)
def test_a_locked_door_a_sandbox_or_no_door_at_all_may_boot(load, changes):
    assert load(**changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"BILLING_TARGET": ...}, "LIPANET_BILLING_TARGET is missing"),
        ({"API_TOKEN": ...}, "LIPANET_API_TOKEN is missing"),
        ({"GATEWAY_SPOOL": ..., "SANDBOX": "true"}, "LIPANET_GATEWAY_SPOOL is missing"),
        ({"GATEWAY_SPOOL_BYTES": "1000"}, "LIPANET_GATEWAY_SPOOL_BYTES is wrong"),
        ({"CALLBACK_SECRETS": ...}, "LIPANET_CALLBACK_SECRETS or LIPANET_CALLBACK_NETWORKS"),
        ({"CALLBACK_SECRETS": STRONG[1:]}, "LIPANET_CALLBACK_SECRETS is wrong"),
        ({"CALLBACK_SECRETS": f"{STRONG},{STRONG[1:]}"}, "LIPANET_CALLBACK_SECRETS is wrong"),
        ({"API_TOKEN": STRONG[1:]}, "LIPANET_API_TOKEN is wrong"),
        ({"API_TOKEN": f"{STRONG[1:]}  "}, "LIPANET_API_TOKEN is wrong"),
        ({"API_TOKEN": STRONG[1:], "SANDBOX": "true", "GATEWAY_ROLE": "dispatcher"}, "LIPANET_API_TOKEN is wrong"),
        ({"API_TOKEN": " " * 24}, "LIPANET_API_TOKEN is missing"),
        ({"CALLBACK_SECRETS": f"{STRONG}/x"}, "LIPANET_CALLBACK_SECRETS is wrong"),
        ({"CALLBACK_SECRETS": f"{STRONG}1,{STRONG}2,{STRONG}3"}, "LIPANET_CALLBACK_SECRETS is wrong"),
        ({"CALLBACK_NETWORKS": "196.201.214.0/99"}, "LIPANET_CALLBACK_NETWORKS is wrong"),
        ({"TRUSTED_PROXIES": "proxy.example"}, "LIPANET_TRUSTED_PROXIES is wrong"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "LIPANET_TRUSTED_PROXIES is wrong"),
        ({"TRUSTED_PROXIES": "10.0.0.1, ::/0"}, "LIPANET_TRUSTED_PROXIES is wrong"),
        ({"TRUSTED_PROXIES": "128.0.0.0/1"}, "LIPANET_TRUSTED_PROXIES is wrong"),
        ({"TRUSTED_PROXIES": "2000::/3"}, "LIPANET_TRUSTED_PROXIES is wrong"),
        ({"TRUSTED_PROXIES": ",".join(f"{n}.0.0.0/8" for n in range(256))}, "LIPANET_TRUSTED_PROXIES is wrong"),
        ({"CALLBACK_SECRETS": ..., "CALLBACK_NETWORKS": "0.0.0.0/0"}, "LIPANET_CALLBACK_NETWORKS is wrong"),
        ({"GATEWAY_ROLE": "all"}, "LIPANET_GATEWAY_ROLE is wrong"),
    ],
)
def test_a_wrong_setting_stops_the_boot_and_is_named_without_its_value(load, capsys, changes, named):
    with pytest.raises(SystemExit) as stopped:
        load(**changes)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert named in said
    assert STRONG not in said
