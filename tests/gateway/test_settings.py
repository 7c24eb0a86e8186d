import pytest
from gateway.settings import GatewaySettings, Role

STRONG = "0123456789abcdef01234567"
BASE = {
    "BILLING_TARGET": "127.0.0.1:1",
    "ROUTER_CONTROL_TARGET": "127.0.0.1:2",
    "NOTIFY_TARGET": "127.0.0.1:3",
    "PLAINTEXT": "true",
    "API_TOKEN": f"token-{STRONG}",
    "CALLBACK_SECRETS": STRONG,
    "GATEWAY_SPOOL": "spool",
}


@pytest.fixture
def load(monkeypatch):
    def load(**changes):
        for name, value in {**BASE, **changes}.items():
            if value is ...:
                monkeypatch.delenv(f"REJESHA_{name}", raising=False)
            else:
                monkeypatch.setenv(f"REJESHA_{name}", value)
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
def test_with_a_lock_in_the_sandbox_or_without_callbacks_it_boots(load, changes):
    assert load(**changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"BILLING_TARGET": ...}, "REJESHA_BILLING_TARGET is missing"),
        ({"API_TOKEN": ...}, "REJESHA_API_TOKEN is missing"),
        ({"GATEWAY_SPOOL": ..., "SANDBOX": "true"}, "REJESHA_GATEWAY_SPOOL is missing"),
        ({"GATEWAY_SPOOL_BYTES": "1000"}, "REJESHA_GATEWAY_SPOOL_BYTES is wrong"),
        ({"CALLBACK_SECRETS": ...}, "REJESHA_CALLBACK_SECRETS or REJESHA_CALLBACK_NETWORKS"),
        ({"CALLBACK_SECRETS": STRONG[1:]}, "REJESHA_CALLBACK_SECRETS is wrong"),
        ({"CALLBACK_SECRETS": f"{STRONG},{STRONG[1:]}"}, "REJESHA_CALLBACK_SECRETS is wrong"),
        ({"API_TOKEN": STRONG[1:]}, "REJESHA_API_TOKEN is wrong"),
        ({"API_TOKEN": f"{STRONG[1:]}  "}, "REJESHA_API_TOKEN is wrong"),
        ({"API_TOKEN": STRONG[1:], "SANDBOX": "true", "GATEWAY_ROLE": "dispatcher"}, "REJESHA_API_TOKEN is wrong"),
        ({"API_TOKEN": " " * 24}, "REJESHA_API_TOKEN is missing"),
        ({"CALLBACK_SECRETS": f"{STRONG}/x"}, "REJESHA_CALLBACK_SECRETS is wrong"),
        ({"CALLBACK_SECRETS": f"{STRONG}1,{STRONG}2,{STRONG}3"}, "REJESHA_CALLBACK_SECRETS is wrong"),
        ({"CALLBACK_NETWORKS": "196.201.214.0/99"}, "REJESHA_CALLBACK_NETWORKS is wrong"),
        ({"TRUSTED_PROXIES": "proxy.example"}, "REJESHA_TRUSTED_PROXIES is wrong"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "REJESHA_TRUSTED_PROXIES is wrong"),
        ({"TRUSTED_PROXIES": "10.0.0.1, ::/0"}, "REJESHA_TRUSTED_PROXIES is wrong"),
        ({"TRUSTED_PROXIES": "128.0.0.0/1"}, "REJESHA_TRUSTED_PROXIES is wrong"),
        ({"TRUSTED_PROXIES": "2000::/3"}, "REJESHA_TRUSTED_PROXIES is wrong"),
        ({"TRUSTED_PROXIES": ",".join(f"{n}.0.0.0/8" for n in range(256))}, "REJESHA_TRUSTED_PROXIES is wrong"),
        ({"CALLBACK_SECRETS": ..., "CALLBACK_NETWORKS": "0.0.0.0/0"}, "REJESHA_CALLBACK_NETWORKS is wrong"),
        ({"GATEWAY_ROLE": "all"}, "REJESHA_GATEWAY_ROLE is wrong"),
    ],
)
def test_a_wrong_setting_stops_the_boot_and_is_named_without_its_value(load, capsys, changes, named):
    with pytest.raises(SystemExit) as stopped:
        load(**changes)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert named in said
    assert STRONG not in said
