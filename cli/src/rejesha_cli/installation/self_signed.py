"""A certificate that nobody vouches for: enough to try an installation out, or behind a proxy that does not look."""

from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from rejesha_cli.certificates.building import builder, named, new_key, pem_of

_LIFE = timedelta(days=825)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM."""

    certificate: str
    key: str


def self_signed(host: str) -> Pair:
    """For `host` and for localhost."""
    key, name = new_key(), named(host)
    names = [x509.DNSName(each) for each in dict.fromkeys((host, "localhost"))]
    certificate = (
        builder(name, name, key, _LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(pem_of(certificate).decode(), pem_of(key).decode())
