"""A private authority, and the certificates that it issues: files in folders of one directory.

`authority/` holds its key and its certificate; each other folder what one process needs, as servicekit.rpc.certificates
names it. Keys are their owner's alone. Whoever reads the authority's key can be anybody.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from servicekit.rpc.certificates import AUTHORITY, CHAIN, KEY
from servicekit.rpc.identity import Identity, of_uris

from rejesha_cli.certificates.building import builder, named, new_key, pem_of
from rejesha_cli.certificates.holders import CALLED, folder_of
from rejesha_cli.errors import CommandFailed

FOLDER, AUTHORITY_KEY = "authority", "ca.key"
AUTHORITY_DAYS, DAYS = 3650, 365


class NoAuthority(CommandFailed):
    """There is no authority in the directory, or it cannot be read."""


class AuthorityExists(CommandFailed):
    """There is an authority already: another one would make every certificate worthless."""


@dataclass(frozen=True)
class Issued:
    """A certificate that is there. `folder`: where its files are."""

    folder: Path
    identity: Identity
    not_after: datetime


def create(directory: Path) -> None:
    """Make an authority. Raises AuthorityExists."""
    folder = directory / FOLDER
    if (folder / AUTHORITY_KEY).exists():
        raise AuthorityExists(f"there is an authority in {folder} already.")
    key, name = new_key(), named("Rejesha")
    certificate = (
        builder(name, name, key, timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / AUTHORITY_KEY, pem_of(key))
    _write(folder / AUTHORITY, pem_of(certificate))


def issue(directory: Path, identity: Identity, days: int = DAYS, folder: str = "", host: str = "") -> Issued:
    """Issue a certificate, in the place of an earlier one if there is one. It ends with the authority at the latest.

    `folder`: where, if not where it belongs. `host`: of a server that is none of ours, such as the database; it has no
    role. Raises NoAuthority.
    """
    authority, signing = _read(directory)
    key, name = new_key(), named(identity.name)
    lifetime = min(timedelta(days=days), authority.not_valid_after_utc - datetime.now(UTC))
    certificate = (
        builder(name, authority.subject, key, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_purposes(identity, host)), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(identity, host)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    at = directory / (folder or folder_of(identity))
    _write(at / AUTHORITY, pem_of(authority))
    _write(at / KEY, pem_of(key))
    _write(at / CHAIN, pem_of(certificate))
    return Issued(at, identity, certificate.not_valid_after_utc)


def issued(directory: Path) -> Iterator[Issued]:
    """All certificates in the directory, the authority's own first. Raises NoAuthority."""
    authority, _ = _read(directory)
    yield Issued(directory / FOLDER, Identity(), authority.not_valid_after_utc)
    for path in sorted(directory.glob(f"*/{CHAIN}")):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        yield Issued(path.parent, of_uris(_uris(certificate)), certificate.not_valid_after_utc)


def _read(directory: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    folder = directory / FOLDER
    try:
        certificate = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
        key = serialization.load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), password=None)
    except OSError as error:
        advice = "`rejesha certificate init` makes one"
        raise NoAuthority(f"there is no authority in {folder} ({error.strerror}): {advice}.") from error
    except ValueError as error:
        raise NoAuthority(f"the authority in {folder} cannot be read.") from error
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return certificate, key


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _purposes(identity: Identity, host: str) -> list[x509.ObjectIdentifier]:
    """Who is only called cannot call, and who only calls cannot pretend to be a service."""
    if host:
        return [ExtendedKeyUsageOID.SERVER_AUTH]
    called = identity.roles & CALLED
    only_called = called and called == identity.roles
    is_called = [ExtendedKeyUsageOID.SERVER_AUTH] if called else []
    return is_called if only_called else [*is_called, ExtendedKeyUsageOID.CLIENT_AUTH]


def _names(identity: Identity, host: str) -> list[x509.GeneralName]:
    """What it proves to whom it calls, and, of a service, what callers look for."""
    uris = [x509.UniformResourceIdentifier(uri) for uri in identity.to_uris()]
    hosts = [host] if host else sorted(identity.roles & CALLED)
    return [*uris, *(x509.DNSName(each) for each in hosts)]


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _write(path: Path, content: bytes) -> None:
    """Put a file in its place in one go; nobody but the owner can read it."""
    for directory in (path.parent.parent, path.parent):  # of parents that it makes by itself, mkdir asks no mode
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)
