"""RouterOS' API protocol on a socket: one command and its answer, bounded in time and size.

librouteros frames the words, and no more of it is used: its time-out is one for each recv (a slow drip never ends), it
takes words and sentences without end, drops bytes it cannot decode (which makes one name another), casts values ("yes"
and "true" become the same), and logs passwords.
"""

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from librouteros.exceptions import ProtocolError
from librouteros.protocol import decode_length, determine_length, encode_sentence
from servicekit.rpc import call

from router_control.routeros.errors import AnswerTooLarge, Garbled, SessionEnded, TimedOut, Trap, Unreachable

# We ask for a few short properties of at most a hundred users. Generous all the same: a router that answers with all of
# its 20,000 secrets is understood. What is more is a fault or an attack, and gets neither time nor memory.
MAX_SENTENCE_BYTES = 131_072
MAX_ANSWER_BYTES = 16 * 1024 * 1024
# Of the rows that are kept; a hundred users may have many sessions.
MAX_ROW_CHARACTERS = 2_000_000
# So much a sentence counts beside its letters, for what reading and keeping it takes.
_OVERHEAD = 300
# What could end or garble a line or a word.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Whoever reads them learns nothing from more.
MAX_TEXT = 200

# How long a call that has no deadline may take.
DEFAULT_SECONDS = 10.0
# However patient a caller is, a router's other callers wait behind it.
MAX_SECONDS = 60.0

Row = dict[str, str]


@dataclass(frozen=True)
class TimeLimit:
    """Until when an operation may last, however many reads it takes. `ends`: seconds of the monotonic clock."""

    ends: float

    @classmethod
    def after(cls, seconds: float) -> "TimeLimit":
        return cls(time.monotonic() + seconds)

    @classmethod
    def of_caller(cls) -> "TimeLimit":
        """The deadline of the RPC that this thread answers, less a slice in which the answer travels."""
        remaining = call.remaining()
        if remaining > 86_400:  # no deadline arrives as the end of time
            return cls.after(DEFAULT_SECONDS)
        return cls.after(min(remaining - min(0.1 + remaining * 0.1, 0.5), MAX_SECONDS))

    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(self.ends - time.monotonic(), 0.0)

    def within(self, seconds: float) -> "TimeLimit":
        """The same limit, or an earlier one `seconds` from now."""
        return TimeLimit(min(self.ends, time.monotonic() + seconds))


class Wire:
    """A connected socket, plain or TLS. Any failure but a Trap closes it."""

    def __init__(self, sock: socket.socket) -> None:
        self.closed = False
        self._socket = sock
        self._buffer = bytearray()
        self._space = 0

    def close(self) -> None:
        self.closed = True
        self._socket.close()

    def ask(self, words: Sequence[str], limit: TimeLimit, wanted: Callable[[Row], bool] = lambda _: False) -> "Reply":
        """Send one command and take in the whole reply, of whose rows it keeps the `wanted` ones.

        Raises Trap when the router refuses the command, another RouterFailure when the exchange fails.
        """
        reply = Reply(wanted)
        try:
            with _named_faults():
                self._require_silence()
                self._space = MAX_ANSWER_BYTES
                self._bound(limit)
                self._socket.sendall(encode_sentence(*words, encoding="utf-8"))
                while reply.done is None:
                    reply.take(self._read(limit))
        except BaseException:
            self.close()
            raise
        if reply.traps:
            raise Trap(reply.traps)
        return reply

    def _read(self, limit: TimeLimit) -> list[str]:
        """The next sentence: a reply word and its attributes. What is not UTF-8 becomes U+FFFD, equal to no name."""
        self._space -= _OVERHEAD
        words: list[str] = []
        space = MAX_SENTENCE_BYTES
        while length := self._read_length(limit):
            space -= 1 + length
            if space < 0:
                raise AnswerTooLarge(f"a sentence of more than {MAX_SENTENCE_BYTES} bytes")
            words.append(self._take(length, limit).decode("utf-8", "replace"))
        if not words:
            raise Garbled("an empty sentence")
        return words

    def _read_length(self, limit: TimeLimit) -> int:
        prefix = self._take(1, limit)
        return int(decode_length(prefix + self._take(determine_length(prefix), limit)))

    def _take(self, length: int, limit: TimeLimit) -> bytes:
        self._space -= length
        if self._space < 0:
            raise AnswerTooLarge(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        while len(self._buffer) < length:
            self._bound(limit)
            received = self._socket.recv(65_536)
            if not received:
                raise Unreachable("the router closed the connection")
            self._buffer += received
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def _bound(self, limit: TimeLimit) -> None:
        """Let the next call on the socket take no longer than what is left."""
        remaining = limit.remaining()
        if not remaining:
            raise TimeoutError
        self._socket.settimeout(remaining)

    def _require_silence(self) -> None:
        """Refuse to ask while anything is unread: it would be taken for the answer."""
        self._socket.settimeout(0)
        try:
            unasked = self._buffer or self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        if not unasked:
            raise Unreachable("the router closed the connection")
        raise Garbled("the router sent more than it was asked for")


@contextlib.contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise TimedOut("no answer in time") from error
    except OSError as error:
        raise Unreachable(f"the connection broke: {error.strerror or error}") from error
    except ProtocolError as error:
        raise Garbled(str(error)) from error


class Reply:
    """What a router says to one command, taken in sentence by sentence.

    Keeps the wanted rows and nothing else: a router may send its whole table, or the same row without end.
    `rows`: the wanted ones. `traps`: why the router refused. `done`: what !done carries, None until it is said.
    """

    def __init__(self, wanted: Callable[[Row], bool]) -> None:
        self.rows: list[Row] = []
        self.traps: list[str] = []
        self.done: Row | None = None
        self._wanted = wanted
        self._space = MAX_ROW_CHARACTERS

    def take(self, sentence: Sequence[str]) -> None:
        """Raises SessionEnded, Garbled, AnswerTooLarge."""
        reply, *attributes = sentence
        if reply == "!re":
            self._take_row(_row(attributes))
        elif reply == "!done":
            self.done = _row(attributes)
        elif reply == "!fatal":
            raise SessionEnded(readable(" ".join(attributes)) or "the router ended the session")
        elif reply == "!trap":
            self.traps.append(readable(_row(attributes).get("message", "")))
        elif not reply.startswith("!"):
            raise Garbled("the answer is not RouterOS'")
        # Anything else, such as !empty from 7.18 on, says nothing that !done does not.

    def _take_row(self, row: Row) -> None:
        if not self._wanted(row):
            return
        self._space -= _OVERHEAD + sum(len(name) + len(value) for name, value in row.items())
        if self._space < 0:
            raise AnswerTooLarge(f"more than {MAX_ROW_CHARACTERS} characters of what was asked for")
        self.rows.append(row)


def readable(text: str) -> str:
    """What the router said, short and without control characters: fit for a log line and a terminal."""
    text = text[: 10 * MAX_TEXT]
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:MAX_TEXT]


def _row(attributes: Sequence[str]) -> Row:
    """The attributes by name. Words that are none, such as .tag, are not ours."""
    pairs = (word[1:].partition("=") for word in attributes if word.startswith("="))
    return {name: value for name, _, value in pairs}
