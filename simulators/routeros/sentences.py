"""What the words of a sentence mean: commands in, replies out. Knows no menu.

Text is UTF-8; bytes that are not pass through unchanged, since the protocol itself names no encoding.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.routeros.traps import Trap

Sentence = list[bytes]


@dataclass(frozen=True)
class Command:
    """One command sentence: `path` is "/ppp/secret/print", attributes without their "=", queries without their "?"."""

    path: str
    tag: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    queries: tuple[str, ...] = ()
    stray: tuple[str, ...] = ()

    @property
    def menu(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def verb(self) -> str:
        return self.path.rpartition("/")[2]

    def refuse_stray_words(self) -> None:
        if self.stray:
            raise Trap(f"unexpected word {self.stray[0]}", category=5)


def parse(words: list[bytes]) -> Command:
    """A command from its words; `=name` without a second "=" is an empty value, as some clients send it."""
    tag, attributes, queries, stray = None, {}, [], []
    for word in map(to_text, words[1:]):
        if word.startswith("="):
            name, _, value = word[1:].partition("=")
            attributes[name] = value
        elif word.startswith(".tag="):
            tag = word.removeprefix(".tag=")
        elif word.startswith("?"):
            queries.append(word[1:])
        else:
            stray.append(word)
    return Command(to_text(words[0]), tag, attributes, tuple(queries), tuple(stray))


def reply(kind: str, tag: str | None = None, attributes: Mapping[str, str] | None = None) -> Sentence:
    """A reply sentence; `kind` is "!re", "!done", "!trap" or "!empty". The tag comes right after it."""
    words = [kind] if tag is None else [kind, f".tag={tag}"]
    words += [f"={name}={value}" for name, value in (attributes or {}).items()]
    return [to_bytes(word) for word in words]


def fatal(reason: str) -> Sentence:
    """The last sentence of a connection: the reason is a bare word and there is no tag."""
    return [b"!fatal", to_bytes(reason)]


def trap(error: Trap, tag: str | None) -> list[Sentence]:
    """One "!trap" for each of the error's messages."""
    return [
        reply("!trap", tag, ({} if category is None else {"category": str(category)}) | {"message": message})
        for category, message in error.replies
    ]


def to_text(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
