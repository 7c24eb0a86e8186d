"""A process' certificate: three files in a directory, named as Kubernetes and cert-manager name them.

tls.key: the private key; tls.crt: the certificate and those between it and the authority; ca.crt: the authorities whose
certificates are believed. Whoever calls proves its role, and whoever is called its service's name: see identity.
"""

from dataclasses import dataclass
from pathlib import Path

import grpc

KEY, CHAIN, AUTHORITY = "tls.key", "tls.crt", "ca.crt"


class CertificateUnusable(ValueError):
    """The files are not there, or do not belong together; the text says which."""


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """What the three files hold, as PEM."""

    key: bytes
    chain: bytes
    authority: bytes

    def for_channel(self) -> grpc.ChannelCredentials:
        """Credentials of a caller."""
        return grpc.ssl_channel_credentials(self.authority, self.key, self.chain)

    def for_server(self) -> grpc.ServerCertificateConfiguration:
        """What a server shows, and whom it believes."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.chain)], self.authority)


def read(directory: Path) -> Certificate:
    """Read the three files. Raises CertificateUnusable."""
    try:
        key, chain, authority = ((directory / name).read_bytes() for name in (KEY, CHAIN, AUTHORITY))
    except OSError as error:
        raise CertificateUnusable(f"{error.filename} cannot be read: {error.strerror}") from error
    return Certificate(key, chain, authority)


def check(directory: Path) -> None:
    """Raise CertificateUnusable where the files cannot be read, or key and certificate do not belong together."""
    import ssl  # noqa: PLC0415  # the command, which checks nothing, starts faster without

    read(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(directory / CHAIN, directory / KEY)
        context.load_verify_locations(directory / AUTHORITY)
    except OSError as error:  # as is SSLError
        raise CertificateUnusable(f"{KEY}, {CHAIN} and {AUTHORITY} in {directory} do not belong together") from error


def check_authority(path: Path) -> None:
    """Raise CertificateUnusable where a file of authorities' certificates cannot be read."""
    import ssl  # noqa: PLC0415  # as above

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:  # as is SSLError
        raise CertificateUnusable(f"{path} cannot be read, or holds no certificate: {error.strerror}") from error
