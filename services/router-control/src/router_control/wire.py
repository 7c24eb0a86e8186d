"""Sentences on a socket, each bounded by a deadline. Knows how RouterOS frames words, not what they mean.

librouteros does the framing. Its own reading is not used, because its time-out is one for each recv (a slow drip
never ends), it drops bytes it cannot decode, casts values ("12345" becomes a number), and logs passwords.
"""

import contextlib
import socket
import ssl
from collections.abc import Iterator

from librouteros.exceptions import ProtocolError
from librouteros.protocol import decode_length, determine_length, encode_sentence

from router_control.deadline import Deadline
from router_control.failures import Garbled, TimedOut, Unreachable

# The longest word we ask for is a name. A peer that announces more is not to be waited for, nor given the memory.
_LONGEST_WORD = 65_536


class Wire:
    """A connected socket, plain or TLS. After any exception it must be closed."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()

    def close(self) -> None:
        self._socket.close()

    def write(self, words: tuple[str, ...], deadline: Deadline) -> None:
        """Send one sentence. Refuses to while anything is unread: it would be taken for this sentence's answer."""
        with _named_faults():
            self._require_silence()
            unsent = memoryview(encode_sentence(*words, encoding="utf-8"))
            while unsent:
                self._bound(deadline)
                unsent = unsent[self._socket.send(unsent) :]

    def read(self, deadline: Deadline) -> list[str]:
        """The next sentence: a reply word and its attributes. What is not UTF-8 becomes U+FFFD, equal to no name."""
        with _named_faults():
            words = list(iter(lambda: self._read_word(deadline), b""))
        if not words:
            raise Garbled("an empty sentence")
        return [word.decode("utf-8", "replace") for word in words]

    def _read_word(self, deadline: Deadline) -> bytes:
        prefix = self._take(1, deadline)
        prefix += self._take(determine_length(prefix), deadline)
        length = decode_length(prefix)
        if length > _LONGEST_WORD:
            raise Garbled(f"a word of {length} bytes was announced")
        return self._take(length, deadline)

    def _take(self, length: int, deadline: Deadline) -> bytes:
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
