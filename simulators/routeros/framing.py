"""Words and sentences as bytes on the wire. Knows nothing of what the words mean.

A word is a length prefix and that many bytes; a sentence is words up to a word of length zero. Lengths count bytes.
"""

from collections.abc import Iterable

# marker of the first byte, bits of it that belong to the length, bytes of the prefix
_FORMS = ((0xE0, 0x0F, 4), (0xC0, 0x1F, 3), (0x80, 0x3F, 2), (0x00, 0x7F, 1))
_FIVE_BYTES = 0xF0
LONGEST = 0x0FFFFFFF


class BadFraming(ValueError):
    """The peer's bytes cannot be a sentence, so nothing after them can be understood either."""


def encode_length(length: int) -> bytes:
    """The prefix for a word of `length` bytes; the five-byte form is never written, as no client reads it."""
    for size, (limit, marker) in enumerate(
        ((0x80, 0), (0x4000, 0x8000), (0x200000, 0xC00000), (LONGEST + 1, 0xE0000000)), start=1
    ):
        if length < limit:
            return (length | marker).to_bytes(size, "big")
    raise BadFraming(f"a word of {length} bytes is too long to be sent")


def encode_sentence(words: Iterable[bytes]) -> bytes:
    """The words and the zero word that ends them."""
    return b"".join(encode_length(len(word)) + word for word in words) + b"\x00"


class SentenceReader:
    """Turns bytes that arrive in any pieces into whole sentences; empty sentences are dropped, as a router does.

    `limit` (bytes) bounds what one unfinished sentence may hold, so that a peer cannot fill the memory.
    """

    def __init__(self, limit: int = LONGEST) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._words: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[list[bytes]]:
        """Take `data` in and return the sentences it completed. Raises BadFraming."""
        self._buffer += data
        sentences, at = [], 0
        while (word := self._word(at)) is not None:
            content, at = word
            if content:
                self._words.append(content)
                continue
            if self._words:
                sentences.append(self._words)
            self._words, self._size = [], 0
        del self._buffer[:at]
        return sentences

    def _word(self, at: int) -> tuple[bytes, int] | None:
        prefix = self._prefix(at)
        if prefix is None:
            return None
        length, start = prefix
        if self._size + length > self.limit:
            raise BadFraming(f"a sentence of more than {self.limit} bytes")
        if len(self._buffer) < start + length:
            return None
        self._size += length
        return bytes(self._buffer[start : start + length]), start + length

    def _prefix(self, at: int) -> tuple[int, int] | None:
        """Length and start of the word at `at`, or None while the prefix is incomplete."""
        if at >= len(self._buffer):
            return None
        first = self._buffer[at]
        if first > _FIVE_BYTES:
            raise BadFraming(f"a word begins with 0x{first:02X}, which is reserved")
        _marker, mask, size = next(form for form in _FORMS if first >= form[0]) if first < _FIVE_BYTES else (0, 0, 5)
        if len(self._buffer) < at + size:
            return None
        rest = int.from_bytes(self._buffer[at + 1 : at + size], "big")
        return ((first & mask) << 8 * (size - 1)) | rest, at + size
