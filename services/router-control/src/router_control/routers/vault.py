"""Encrypts the routers' passwords at rest. The only module that sees both a password and its key."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from router_control.routers.errors import UnreadablePassword


class Vault:
    """`keys`: Fernet keys (32 bytes, URL-safe base64). The first encrypts, all decrypt, so that keys can be rotated."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, password: str) -> str:
        return self._fernet.encrypt(password.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        try:
            return self._fernet.decrypt(encrypted).decode()
        except InvalidToken:
            raise UnreadablePassword from None

    def reencrypt(self, encrypted: str) -> str:
        """The same password under the first key."""
        try:
            return self._fernet.rotate(encrypted).decode()
        except InvalidToken:
            raise UnreadablePassword from None
