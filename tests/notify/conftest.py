"""notify's parts over a real database and a simulated TextSMS, and notify as a real process."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import grpc
import pytest
from notify.__main__ import MIGRATIONS
from notify.providers.textsms import TextSms
from rejesha.notify.v1 import notify_service_pb2 as pb
from rejesha.notify.v1 import notify_service_pb2_grpc as pb_grpc
from servicekit.rpc import channel

from chaos import ports
from servicekit import engines
from simulators.textsms import TextSmsSimulator
from simulators.textsms.exchange import Account
from tests.databases import make_tables

ACCOUNT = Account(api_key="the-key", partner_id="77", shortcode="REJESHA")


@pytest.fixture
def engine(database_url):
    """A migrated database: each test that asks for it runs on SQLite and on MySQL."""
    with _migrated(database_url) as engine:
        yield engine


@pytest.fixture
def sqlite_engine(sqlite_url):
    """A migrated SQLite, for what no database does differently."""
    with _migrated(sqlite_url) as engine:
        yield engine


@contextmanager
def _migrated(url):
    engine = engines.create_engine(url, pool_size=20)
    make_tables(engine, "notify", MIGRATIONS)
    yield engine
    engine.dispose()


@pytest.fixture
def sms():
    with TextSmsSimulator(account=ACCOUNT) as simulator:
        yield simulator


@pytest.fixture
def make_provider(sms):
    """Makes clients of the simulator."""

    def make(*, url=sms.url, deadline=5.0, api_key=ACCOUNT.api_key):
        return TextSms(
            url, api_key=api_key, partner_id=ACCOUNT.partner_id, shortcode=ACCOUNT.shortcode, deadline=deadline
        )

    return make


@pytest.fixture
def until():
    """Waits for a condition and answers what it came to."""

    def wait(condition, *, seconds=30.0):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)
        return found

    return wait


@pytest.fixture
def free_port():
    """A port on which nobody listens."""
    return ports.free_port()


class NotifyProcess:
    """`python -m notify` with its client."""

    def __init__(self, process, stub, log_file):
        self.process = process
        self.stub = stub
        self.log_file = log_file

    @property
    def log(self):
        return self.log_file.read_text()

    def send(self, *messages, keep_invalid=False):
        request = pb.SendMessagesRequest(messages=messages, keep_invalid=keep_invalid)
        return self.stub.SendMessages(request, timeout=20).receipts

    def message(self, message_id):
        return self.stub.GetMessage(pb.GetMessageRequest(message_id=message_id), timeout=20).message

    def state(self, message_id):
        return pb.MessageState.Name(self.message(message_id).state).removeprefix("MESSAGE_STATE_")

    def states(self):
        listed = self.stub.ListMessages(pb.ListMessagesRequest(page_size=500), timeout=20).messages
        return {m.message_id: pb.MessageState.Name(m.state).removeprefix("MESSAGE_STATE_") for m in listed}


@pytest.fixture
def start_notify(database_url, tmp_path):
    """Starts notify processes on one migrated database; call it again for another one."""
    with _starter(database_url, tmp_path) as start:
        yield start


@pytest.fixture
def start_sqlite_notify(sqlite_url, tmp_path):
    """The same on SQLite alone, for what no database does differently."""
    with _starter(sqlite_url, tmp_path) as start:
        yield start


@contextmanager
def _starter(database_url, tmp_path):
    with _migrated(database_url), ExitStack() as stack:

        def start(textsms_url, **settings):
            return stack.enter_context(_running(_environment(database_url, textsms_url, settings), tmp_path))

        yield start


@pytest.fixture
def run_notify(database_url):
    """Runs `python -m notify …` to its end; answers its exit code and what it said."""

    def run(*arguments, **settings):
        environment = _environment(database_url, "http://127.0.0.1:1/", settings)
        command = [sys.executable, "-m", "notify", *arguments]
        ended = subprocess.run(command, env=environment, timeout=60, capture_output=True, text=True, check=False)
        return ended.returncode, ended.stderr

    return run


def _environment(database_url, textsms_url, settings):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("REJESHA_")}
    ours = {
        "NOTIFY_DATABASE_URL": database_url,
        "NOTIFY_PORT": ports.free_port(),
        "PLAINTEXT": "true",
        "TEXTSMS_URL": textsms_url,
        "TEXTSMS_API_KEY": ACCOUNT.api_key,
        "TEXTSMS_PARTNER_ID": ACCOUNT.partner_id,
        "TEXTSMS_SHORTCODE": ACCOUNT.shortcode,
        "TEXTSMS_DEADLINE": 2,
    }
    return inherited | {f"REJESHA_{name}": str(value) for name, value in (ours | settings).items()}


@contextmanager
def _running(environment, tmp_path):
    log_file = tmp_path / f"notify-{environment['REJESHA_NOTIFY_PORT']}.log"
    with log_file.open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "notify"], env=environment, stderr=log)
    with channel.connect(f"127.0.0.1:{environment['REJESHA_NOTIFY_PORT']}", service="notify") as connection:
        grpc.channel_ready_future(connection).result(timeout=30)
        try:
            yield NotifyProcess(process, pb_grpc.NotifyServiceStub(connection), log_file)
        finally:
            process.kill()
            process.wait()
