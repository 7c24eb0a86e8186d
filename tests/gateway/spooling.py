"""Paying at a gateway that spools, and watching its spool."""

from gateway_rig import callback, until_answered


async def pay(gateway, trans_id="SAMPLE0001", **changes):
    """The outcome of a payment that was answered 200."""
    answer = await gateway.post("/callbackprocess", json=callback(trans_id, **changes))
    assert answer.status_code == 200, answer.text
    return answer.json()["processingResult"]["outcome"]


async def state(gateway):
    return (await gateway.get("/health")).json()["spool"]


async def drained(gateway):
    await until_answered(gateway, "/health", lambda answer: not answer.json()["spool"]["waiting"])
