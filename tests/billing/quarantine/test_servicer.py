"""QuarantineService through a real gRPC server: what it keeps, refuses, lists, and how a callback is closed."""

from uuid import uuid4

import pytest
from billing.quarantine import service
from billing.schema import quarantine
from rejesha.billing.v1 import quarantine_service_pb2 as pb

from tests.billing.concurrency import at_once
from tests.billing.serving import pages, refused

RESOLVED = ("FAILED_PRECONDITION", "CALLBACK_ALREADY_RESOLVED")


@pytest.fixture
def keep(client):
    """Keeps bodies, each under a key of its own, or (key, body); answers their ids."""

    def call(*bodies):
        named = [body if isinstance(body, tuple) else (uuid4().hex, body) for body in bodies]
        callbacks = [
            pb.QuarantinedCallback(callback_body=body, fault="x" * 500, source_address="y" * 99, idempotency_key=key)
            for key, body in named
        ]
        request = pb.QuarantineCallbacksRequest(callbacks=callbacks)
        return list(client.quarantine.QuarantineCallbacks(request).callback_ids)

    return call


@pytest.fixture
def get(client):
    def call(callback_id):
        request = pb.GetQuarantinedCallbackRequest(callback_id=callback_id)
        return client.quarantine.GetQuarantinedCallback(request).callback

    return call


@pytest.fixture
def resolve(client):
    def call(callback_id, **fields):
        request = pb.ResolveQuarantinedCallbackRequest(callback_id=callback_id, **fields)
        return client.quarantine.ResolveQuarantinedCallback(request).callback

    return call


def test_a_quarantined_callback_is_kept_shown_and_closed(client, keep, get, resolve):
    replayed, dismissed, open_ = keep(b"one", b"\xff\x00", b"x" * 70_000)
    assert (get(dismissed).callback_body, get(dismissed).truncated) == (b"\xff\x00", False)
    assert (get(open_).callback_body, get(open_).truncated) == (b"x" * 65_536, True)
    assert resolve(replayed, trans_id=" tke1", note="n" * 999).trans_id == "TKE1"
    assert resolve(dismissed, note="junk").state == pb.QUARANTINE_STATE_DISMISSED
    assert resolve(dismissed, note="junk").callback_body == b""
    listing = pb.ListQuarantinedCallbacksRequest(page_size=2)
    listed, _ = pages(client.quarantine.ListQuarantinedCallbacks, listing, "callbacks")
    states = pb.QUARANTINE_STATE_OPEN, pb.QUARANTINE_STATE_DISMISSED, pb.QUARANTINE_STATE_REPLAYED
    assert [(one.callback_id, one.state) for one in listed] == list(
        zip([open_, dismissed, replayed], states, strict=True)
    )
    assert {one.callback_body for one in listed} == {b""}
    only_open = pb.ListQuarantinedCallbacksRequest(state=pb.QUARANTINE_STATE_OPEN)
    assert [one.callback_id for one in client.quarantine.ListQuarantinedCallbacks(only_open).callbacks] == [open_]
    assert refused(lambda: get(999)) == refused(lambda: resolve(999)) == ("NOT_FOUND", "CALLBACK_NOT_FOUND")
    assert refused(lambda: resolve(open_, trans_id="x" * 200)) == ("INVALID_ARGUMENT", "INVALID_PAYMENT")
    assert get(open_).state == pb.QUARANTINE_STATE_OPEN


def test_a_replayed_callback_keeps_its_payment_whatever_is_asked_afterwards(keep, get, resolve):
    (callback,) = keep(b"one")
    resolve(callback, trans_id="TKE1", note="Asha")
    assert refused(lambda: resolve(callback, note="junk")) == RESOLVED
    assert refused(lambda: resolve(callback, trans_id="TKE2", note="Brian")) == RESOLVED
    assert resolve(callback, trans_id="TKE1", note="again").note == "Asha"
    kept = get(callback)
    assert (kept.state, kept.trans_id, kept.note) == (pb.QUARANTINE_STATE_REPLAYED, "TKE1", "Asha")


def test_a_dismissed_callback_stays_so_unless_it_becomes_a_payment(keep, resolve):
    (callback,) = keep(b"one")
    resolve(callback, note="junk")
    assert resolve(callback, note="another reason").note == "junk"
    replayed = resolve(callback, trans_id="TKE1", note="it was money")
    assert (replayed.state, replayed.note) == (pb.QUARANTINE_STATE_REPLAYED, "it was money")


def test_of_a_replay_and_a_dismissal_at_once_the_replay_stands(keep, get, resolve):
    for number, callback in enumerate(keep(*[b"x"] * 10)):
        replayed, _ = at_once(
            [
                lambda callback=callback, number=number: resolve(callback, trans_id=f"T{number}"),
                lambda callback=callback: resolve(callback, note="junk"),
            ]
        )
        assert replayed.trans_id == get(callback).trans_id == f"T{number}"


def test_what_is_kept_under_a_key_is_not_kept_again(keep, desk):
    first, other = keep(("k1", b"one"), ("k2", b"two"))
    assert keep(("k1", b"one"), ("k3", b"three"), ("k3", b"three"), b"four")[0] == first
    assert [row.callback_body for row in desk.rows(quarantine)] == [b"one", b"two", b"three", b"four"]
    assert len({*keep(b"four"), *keep(b"four"), first, other}) == 4
    for key in ("", "k" * 65):
        assert refused(lambda key=key: keep((key, b""))) == ("INVALID_ARGUMENT", "INVALID_CALLBACK")


def test_one_key_at_the_same_moment_is_kept_once(keep, desk):
    answers = at_once([lambda: keep(("k1", b"one"))] * 4)
    assert answers == [answers[0]] * 4
    assert len(desk.rows(quarantine)) == 1


def test_a_full_quarantine_keeps_nothing_more_until_something_is_closed(keep, resolve, desk, monkeypatch):
    monkeypatch.setattr(service, "MAX_OPEN", 3)
    first, _ = keep(("k1", b"1"), b"2")
    assert refused(lambda: keep(b"3", b"4")) == ("RESOURCE_EXHAUSTED", "QUARANTINE_FULL")
    assert len(desk.rows(quarantine)) == 2
    keep(b"3")
    assert keep(("k1", b"1")) == [first]
    resolve(first)
    keep(b"4")


@pytest.mark.parametrize("count", [0, 501])
def test_a_batch_of_callbacks_has_1_to_500(keep, count):
    assert refused(lambda: keep(*[b"x"] * count)) == ("INVALID_ARGUMENT", "BATCH_TOO_LARGE")


def test_a_page_token_that_was_never_given_out_is_refused(client):
    listing = pb.ListQuarantinedCallbacksRequest(page_token="x")
    reason = ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
    assert refused(lambda: client.quarantine.ListQuarantinedCallbacks(listing)) == reason
