"""Bodies that are packed or in another encoding, as they come and from the spool."""

import gzip
import json
import zlib

import grpc
import pytest
from gateway.callbacks.raw import MAX_BODY_BYTES
from gateway_rig import callback, run_gateway, until

pytestmark = pytest.mark.anyio

PACKED = json.dumps(callback()).encode()


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(PACKED)),
        ("x-gzip", gzip.compress(PACKED)),
        ("GZip", gzip.compress(PACKED)),
        ("deflate", zlib.compress(PACKED)),
        ("deflate", zlib.compress(PACKED)[2:-4]),
        ("identity", gzip.compress(PACKED)),
        ("gzip", PACKED),  # a proxy has unpacked it and left the header
    ],
)
async def test_a_packed_body_is_unpacked_and_stored_so(gateway, world, encoding, content):
    answer = await gateway.post("/callbackprocess", content=content, headers={"Content-Encoding": encoding})
    assert answer.status_code == 200
    assert world.billing.fake.payments["SAMPLE0001"].callback_body == PACKED


@pytest.mark.parametrize(
    ("content", "status", "kept"),
    [
        (gzip.compress(b"x" * 50_000_000), 413, b"x" * MAX_BODY_BYTES),
        (gzip.compress(PACKED)[:-20], 400, gzip.compress(PACKED)[:-20]),
        (gzip.compress(PACKED) + b"more", 400, gzip.compress(PACKED) + b"more"),
    ],
)
async def test_what_cannot_be_unpacked_or_grows_without_end_is_kept(gateway, world, content, status, kept):
    answer = await gateway.post("/callbackprocess", content=content, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == status
    assert world.billing.fake.kept[1].callback_body == kept
    assert world.billing.fake.kept[1].truncated is (status == 413)


async def test_what_was_read_as_it_came_is_read_the_same_when_it_is_drained_from_the_spool(world):
    bodies = [
        gzip.compress(json.dumps(callback("GZIPPED001")).encode()),
        json.dumps(callback("LATIN00001", FirstName="JOS\u00c9"), ensure_ascii=False).encode("latin-1"),
        b"TransID=FORMED0001&TransAmount=1000.00&BusinessShortCode=600000&BillRefNumber=0949AQ",
        json.dumps([callback("LISTED0001")]).encode(),
    ]
    async with run_gateway(world.plan()) as gateway:
        world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
        for body in bodies:
            answer = await gateway.post("/callbackprocess", content=body, headers={"Content-Encoding": "gzip"})
            assert answer.json()["processingResult"]["outcome"] == "spooled"
        world.billing.fake.fail_with = None
        await until(lambda: len(world.billing.fake.payments) == len(bodies))
    assert {payment.amount_cents for payment in world.billing.fake.payments.values()} == {100_000}
    assert world.billing.fake.payments["LATIN00001"].first_name == "JOS\u00c9"
    assert not world.billing.fake.kept
