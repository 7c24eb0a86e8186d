"""API over TLS: with a certificate, or without one by anonymous Diffie-Hellman, which protects but proves nothing."""

import ssl
from pathlib import Path

_PARAMETERS = Path(__file__).with_name("ffdhe2048.pem")


def with_certificate(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer. `certificate` is a PEM file, which may hold the key too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def anonymous() -> ssl.SSLContext:
    """What api-ssl offers as long as no certificate is set: anonymous DH only, so TLS 1.2 at most."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ADH:@SECLEVEL=0")
    context.load_dh_params(str(_PARAMETERS))
    return context
