"""The port where Prometheus reads what a process counts, and figures that take a while to look up."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import prometheus_client
import structlog
from prometheus_client import REGISTRY, Counter, Gauge, Metric
from prometheus_client.registry import Collector

from servicekit.rpc.renewal import RenewedCertificate
from servicekit.settings import ServerSettings

log = structlog.get_logger()

_BUILD = Gauge("rejesha_build_info", "Always 1; what runs here", ["service", "version"])
_CERTIFICATE = Gauge("rejesha_certificate_expiry_timestamp_seconds", "When the process' own certificate ends")
_REFRESHED = Gauge("rejesha_figures_timestamp_seconds", "When figures were last looked up", ["figures"])
_FAILED = Counter("rejesha_figures_failures_total", "How often figures could not be looked up", ["figures"])


class Figures(Collector):
    """Figures that take a while to look up. A thread does so every `seconds`; a scrape gets the last ones, at once.

    `look_up` may raise: then there are none until it goes well again.
    """

    def __init__(self, name: str, look_up: Callable[[], Sequence[Metric]], seconds: float) -> None:
        self._name = name
        self._look_up = look_up
        self._seconds = seconds
        self._found: Sequence[Metric] = ()
        _FAILED.labels(name)
        _REFRESHED.labels(name).set_to_current_time()  # whoever waits for the first ones counts from here

    def describe(self) -> Sequence[Metric]:
        """Nothing: to be registered they need not be known."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._found

    def run(self) -> None:
        """Look them up until the process ends."""
        pause = threading.Event()
        while True:
            self.refresh()
            pause.wait(self._seconds)

    def refresh(self) -> None:
        """Look them up once."""
        try:
            self._found = self._look_up()
        except Exception as error:  # noqa: BLE001  # whatever it is, the next time may go well
            self._found = ()
            _FAILED.labels(self._name).inc()
            log.debug("figures_not_found", figures=self._name, cause=str(error))
        else:
            _REFRESHED.labels(self._name).set_to_current_time()


def serve(service: str, settings: ServerSettings, *figures: Figures) -> None:
    """Answer Prometheus, in threads of its own, where a port is set; else nothing is looked up."""
    if settings.metrics_port is None:
        return
    _BUILD.labels(service, settings.version).set(1)
    if certificate := settings.certificate():
        _CERTIFICATE.set_function(lambda: _end_of(certificate).timestamp())
    for one in figures:
        REGISTRY.register(one)
        threading.Thread(target=one.run, name=f"figures-{service}", daemon=True).start()
    try:
        prometheus_client.start_http_server(settings.metrics_port, settings.bind)
    except OSError as error:
        where = settings.address(settings.metrics_port)
        sys.exit(f"rejesha: {service} cannot answer Prometheus on {where} (REJESHA_METRICS_PORT): {error.strerror}")


def _end_of(certificate: RenewedCertificate) -> datetime:
    from cryptography import x509  # noqa: PLC0415  # takes a while to import, and only who has a certificate needs it

    return x509.load_pem_x509_certificates(certificate.current().chain)[0].not_valid_after_utc
