"""The case that calls billing in one process gives it what the gateway would have sent."""

from benchmarks.cases import grpc_share


def test_billing_is_given_the_payments_of_the_load():
    (batch,) = grpc_share._batches(1)
    given = grpc_share._billings(batch)
    assert [one.trans_id for one in given] == [one.trans_id for one in batch]
    assert {one.amount_cents for one in given} == {one.amount_cents for one in batch}
