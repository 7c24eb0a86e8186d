"""Sentences on a socket, bounded in time and size. Knows how RouterOS frames words, not what they mean.

librouteros does the framing. Its own reading is not used, because its time-out is one for each recv (a slow drip
never ends), it takes words and sentences without end, drops bytes it cannot decode, casts values ("12345" becomes a
number), and logs passwords.
"""

import contextlib
import socket
import ssl
from collections.abc import Iterator

from librouteros.exceptions import ProtocolError
from librouteros.protocol import decode_length, determine_length, encode_sentence

from router_control.deadline import Deadline
from router_control.failures import AnswerTooLarge, Garbled, TimedOut, Unreachable

# What we ask for are a few short properties of at most a hundred users; a row with all of its properties has some
# twenty. Generous all the same: a router that answers with everything it holds, 20,000 secrets, is understood. What
# is more is a fault or an attack, and is neither waited for nor given the memory.
MAX_SENTENCE_BYTES = 131_072
MAX_SENTENCE_WORDS = 256
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_ANSWER_SENTENCES = 50_000


class Wire:
    """A connected socket, plain or TLS. After any exception it must be closed."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()
        self._answer_bytes = self._answer_sentences = 0

    def close(self) -> None:
        self._socket.close()

    def write(self, words: tuple[str, ...], deadline: Deadline) -> None:
        """Send one sentence. Refuses to while anything is unread: it would be taken for this sentence's answer."""
        self._answer_bytes = self._answer_sentences = 0
        with _named_faults():
            self._require_silence()
            unsent = memoryview(encode_sentence(*words, encoding="utf-8"))
            while unsent:
                self._bound(deadline)
                unsent = unsent[self._socket.send(unsent) :]

    def read(self, deadline: Deadline) -> list[str]:
        """The next sentence: a reply word and its attributes. What is not UTF-8 becomes U+FFFD, equal to no name.

        Raises AnswerTooLarge when this sentence, or all since the last `write`, is more than any answer we ask for.
        """
        self._answer_sentences += 1
        if self._answer_sentences > MAX_ANSWER_SENTENCES:
            raise AnswerTooLarge(f"an answer of more than {MAX_ANSWER_SENTENCES} sentences")
        with _named_faults():
            words = self._read_words(deadline)
        if not words:
            raise Garbled("an empty sentence")
        return words

    def _read_words(self, deadline: Deadline) -> list[str]:
        words: list[str] = []
        space = MAX_SENTENCE_BYTES
        while length := self._read_length(deadline):
            space -= length
            if space < 0 or len(words) == MAX_SENTENCE_WORDS:
                limits = f"{MAX_SENTENCE_BYTES} bytes or {MAX_SENTENCE_WORDS} words"
                raise AnswerTooLarge(f"a sentence of more than {limits}")
            words.append(self._take(length, deadline).decode("utf-8", "replace"))
        return words

    def _read_length(self, deadline: Deadline) -> int:
        prefix = self._take(1, deadline)
        return int(decode_length(prefix + self._take(determine_length(prefix), deadline)))

    def _take(self, length: int, deadline: Deadline) -> bytes:
        self._answer_bytes += length
        if self._answer_bytes > MAX_ANSWER_BYTES:
            raise AnswerTooLarge(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        while len(self._buffer) < length:
            self._bound(deadline)
            received = self._socket.recv(65_536)
            if not received:
                raise Unreachable("the router closed the connection")
            self._buffer += received
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def _bound(self, deadline: Deadline) -> None:
        """Let the next call on the socket take no longer than what is left."""
        remaining = deadline.remaining()
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
