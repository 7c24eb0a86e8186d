"""RouterOS' API protocol on a socket: sentences of words, and the reply to one command, bounded in time and size.

librouteros frames the words, and nothing else of it is used, because its time-out is one for each recv (a slow drip
never ends), it takes words and sentences without end, drops bytes it cannot decode, casts values ("12345" becomes a
number), and logs passwords.
"""

import contextlib
import socket
import ssl
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from librouteros.exceptions import ProtocolError
from librouteros.protocol import decode_length, determine_length, encode_sentence
from servicekit.rpc import call
from servicekit.rpc.errors import Cancelled

from router_control.routeros.errors import (
    AnswerTooLarge,
    Garbled,
    SessionEnded,
    TimedOut,
    Unreachable,
)

# What we ask for are a few short properties of at most a hundred users; a row with all of its properties has some
# twenty. Generous all the same: a router that answers with everything it holds, 20,000 secrets, is understood. What
# is more is a fault or an attack, and is neither waited for nor given the memory.
MAX_SENTENCE_BYTES = 131_072
MAX_SENTENCE_WORDS = 256
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_ANSWER_SENTENCES = 50_000
# A hundred users are asked about at a time, and each may have many sessions. Bounds the memory that one router gets.
MAX_ROWS = 5_000
MAX_ROW_CHARACTERS = 2_000_000
# Whoever reads them learns nothing from more.
MAX_TRAPS = 8
MAX_TEXT = 200

# How long a call that has no deadline may take.
DEFAULT_SECONDS = 10.0
# However patient a caller is, a router's other callers wait behind it.
MAX_SECONDS = 60.0

Row = dict[str, str]


class TimeLimit:
    """Until when an operation may last, however many reads it takes, and whether its caller still waits.

    `ends`: seconds of the monotonic clock. `cancelled`: is done when the caller waits no more.
    """

    def __init__(self, ends: float, cancelled: "Future[None] | None" = None) -> None:
        self.ends = ends
        self.cancelled: Future[None] = cancelled or Future()

    @classmethod
    def after(cls, seconds: float) -> "TimeLimit":
        return cls(time.monotonic() + seconds)

    @classmethod
    def of_caller(cls) -> "TimeLimit":
        """The deadline of the RPC that this thread answers, less a slice in which the answer travels.

        It is cancelled when the call ends, by its caller or by its answer.
        """
        remaining = call.remaining()
        if remaining > 86_400:  # no deadline arrives as the end of time
            limit = cls.after(DEFAULT_SECONDS)
        else:
            limit = cls.after(min(remaining - min(0.1 + remaining * 0.1, 0.5), MAX_SECONDS))
        call.on_end(limit.cancel)
        return limit

    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(self.ends - time.monotonic(), 0.0)

    def within(self, seconds: float) -> "TimeLimit":
        """The same limit, or an earlier one `seconds` from now."""
        return TimeLimit(min(self.ends, time.monotonic() + seconds), self.cancelled)

    def cancel(self) -> None:
        """The caller waits no more. To be called once."""
        self.cancelled.set_result(None)

    def check(self) -> None:
        """A point at which work may end. Raises Cancelled when the caller waits no more."""
        if self.cancelled.done():
            raise Cancelled("the caller waits no more")


class Wire:
    """A connected socket, plain or TLS. After any exception it must be closed."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()
        self._answer_bytes = self._answer_sentences = 0

    def close(self) -> None:
        self._socket.close()

    def write(self, words: tuple[str, ...], limit: TimeLimit) -> None:
        """Send one sentence. Refuses to while anything is unread: it would be taken for this sentence's answer."""
        self._answer_bytes = self._answer_sentences = 0
        with _named_faults():
            self._require_silence()
            unsent = memoryview(encode_sentence(*words, encoding="utf-8"))
            while unsent:
                self._bound(limit)
                unsent = unsent[self._socket.send(unsent) :]

    def read(self, limit: TimeLimit) -> list[str]:
        """The next sentence: a reply word and its attributes. What is not UTF-8 becomes U+FFFD, equal to no name.

        Raises AnswerTooLarge when this sentence, or all since the last `write`, is more than any answer we ask for.
        """
        self._answer_sentences += 1
        if self._answer_sentences > MAX_ANSWER_SENTENCES:
            raise AnswerTooLarge(f"an answer of more than {MAX_ANSWER_SENTENCES} sentences")
        with _named_faults():
            words = self._read_words(limit)
        if not words:
            raise Garbled("an empty sentence")
        return words

    def _read_words(self, limit: TimeLimit) -> list[str]:
        words: list[str] = []
        space = MAX_SENTENCE_BYTES
        while length := self._read_length(limit):
            space -= length
            if space < 0 or len(words) == MAX_SENTENCE_WORDS:
                limits = f"{MAX_SENTENCE_BYTES} bytes or {MAX_SENTENCE_WORDS} words"
                raise AnswerTooLarge(f"a sentence of more than {limits}")
            words.append(self._take(length, limit).decode("utf-8", "replace"))
        return words

    def _read_length(self, limit: TimeLimit) -> int:
        prefix = self._take(1, limit)
        return int(decode_length(prefix + self._take(determine_length(prefix), limit)))

    def _take(self, length: int, limit: TimeLimit) -> bytes:
        self._answer_bytes += length
        if self._answer_bytes > MAX_ANSWER_BYTES:
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
        if self._buffer:
            raise Garbled("the router sent more than it was asked for")
        self._socket.settimeout(0)
        try:
            unasked = self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        if not unasked:
            raise Unreachable("the router closed the connection")
        raise Garbled("the router sent something unasked")


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
            if len(self.traps) < MAX_TRAPS:
                self.traps.append(readable(_row(attributes).get("message", "")))
        elif not reply.startswith("!"):
            raise Garbled("the answer is not RouterOS'")
        # Anything else, such as !empty from 7.18 on, says nothing that !done does not.

    def _take_row(self, row: Row) -> None:
        if not self._wanted(row):
            return
        self._space -= sum(len(name) + len(value) for name, value in row.items())
        if self._space < 0 or len(self.rows) == MAX_ROWS:
            raise AnswerTooLarge(f"more than {MAX_ROWS} rows or {MAX_ROW_CHARACTERS} characters of what was asked for")
        self.rows.append(row)


def has_control_characters(text: str) -> bool:
    """Whether `text` holds a character that could end or garble a line or a word."""
    return any(unicodedata.category(character) == "Cc" for character in text)


def readable(text: str) -> str:
    """What the router said, short and without control characters: fit for a log line and a terminal."""
    text = text[: 10 * MAX_TEXT]
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:MAX_TEXT]


def _row(attributes: Sequence[str]) -> Row:
    row = {}
    for attribute in attributes:
        if attribute.startswith("="):  # others, such as .tag, are not ours
            name, _, value = attribute[1:].partition("=")
            row[name] = value
    return row
