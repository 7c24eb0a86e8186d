"""What strangers do at a door. Runs inside a container beside the proxy, so that its address is not the payer's.

`attacker.py SECONDS` prints, as JSON, how many connections of each kind the proxy ended.
"""

import asyncio
import contextlib
import json
import ssl
import sys
from collections import Counter

PLACE = "proxy", 8443
HEAD = b"POST /callbackprocess HTTP/1.1\r\nHost: localhost\r\n"
HOW_MANY = {"idle": 3000, "slow head": 300, "endless head": 20, "endless body": 20, "endless chunks": 20}

believing = ssl.create_default_context()
believing.check_hostname = False
believing.verify_mode = ssl.CERT_NONE
ended = Counter()


async def attack(kind, beginning, piece, pause):
    """Again and again: connect, say `beginning`, then `piece` for ever."""
    encrypted = None if kind == "idle" else believing
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(*PLACE, ssl=encrypted)
            writer.write(beginning)
            pouring = asyncio.create_task(pour(writer, piece, pause))
            with contextlib.suppress(OSError):
                await reader.read()
            pouring.cancel()
            writer.close()
            ended[kind] += 1
        await asyncio.sleep(0.1)


async def pour(writer, piece, pause):
    with contextlib.suppress(OSError):
        while piece:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)


async def main(seconds):
    what = {
        "idle": (b"", b"", 0),
        "slow head": (HEAD + b"X-Dripping: ", b"x", 0.5),
        "endless head": (HEAD + b"X-Long: ", b"x" * 4096, 0.05),
        "endless body": (HEAD + b"Content-Length: 1000000000000\r\n\r\n", b"x" * 16_384, 0.05),
        "endless chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"4000\r\n" + b"x" * 16_384 + b"\r\n", 0.05),
    }
    attacks = [asyncio.create_task(attack(kind, *what[kind])) for kind, many in HOW_MANY.items() for _ in range(many)]
    sys.stdout.write("attacking\n")
    sys.stdout.flush()
    await asyncio.wait(attacks, timeout=seconds)
    sys.stdout.write(json.dumps(ended) + "\n")
    sys.stdout.flush()


with contextlib.suppress(asyncio.CancelledError):
    asyncio.run(main(float(sys.argv[1])))
