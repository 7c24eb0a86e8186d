"""What a certificate's URIs say of its holder."""

import pytest
from servicekit.rpc.identity import Identity, Role, granted, of_uris


@pytest.mark.parametrize(
    ("uris", "identity"),
    [
        ([], Identity()),
        (["rejesha://dispatcher"], Identity("dispatcher", frozenset({Role.DISPATCHER}))),
        (["rejesha://dispatcher/b"], Identity("dispatcher/b", frozenset({Role.DISPATCHER}))),
        (["rejesha://intake", "rejesha://dispatcher"], Identity("intake", frozenset({Role.INTAKE, Role.DISPATCHER}))),
        (
            ["rejesha://system/crm", "rejesha://may/notify.SendMessages"],
            Identity("system/crm", frozenset({Role.SYSTEM}), frozenset({"notify.SendMessages"})),
        ),
        (["https://operator", "rejesha://nobody", "spiffe://rejesha://operator", "REJESHA://operator"], Identity()),
        (["rejesha://may/notify.SendMessages"], Identity("", frozenset(), frozenset({"notify.SendMessages"}))),
    ],
)
def test_an_identity_is_what_the_uris_of_ours_say(uris, identity):
    assert of_uris(uris) == identity


@pytest.mark.parametrize("name", ["dispatcher", "dispatcher/b", "system/crm"])
def test_what_is_written_into_a_certificate_reads_the_same(name):
    one = Identity(name, frozenset({Role(name.partition("/")[0])}), frozenset({"notify.GetMessage"}))
    assert of_uris(one.to_uris()) == one


def test_the_first_role_gives_the_name_whatever_others_there_are():
    both = Identity("intake/b", frozenset({Role.DISPATCHER, Role.INTAKE}))
    assert of_uris(both.to_uris()) == both


def test_a_method_is_named_by_its_service_and_itself():
    assert granted("/rejesha.router_control.v1.RouterControlService/SetAccess") == "router-control.SetAccess"
