"""`rejesha message …`: the SMS that were sent, or why not."""

import click
from rejesha.notify.v1.notify_service_pb2 import (
    GetMessageRequest,
    ListMessagesRequest,
    ListTemplatesRequest,
    MessageState,
)

from rejesha_cli.context import Connections, value_of, with_connections, with_csv, with_json, with_limit
from rejesha_cli.records import read_pages, record
from rejesha_cli.tables import Column, moment, plain, print_json, show_list, show_record, state

COLUMNS = (
    Column("Accepted", "create_time", moment),
    Column("To", "phone"),
    Column("State", "state", state),
    Column("About", "subject"),
    Column("Template", "template"),
    Column("Detail", "detail"),
    Column("Id", "message_id"),
)
SHOW_COLUMNS = (
    *COLUMNS,
    Column("Text", "text"),
    Column("SMS", "segments"),
    Column("Attempts", "attempts"),
    Column("Provider's id", "provider_message_id"),
    Column("State since", "update_time", moment),
    Column("Next attempt", "next_attempt_time", moment),
)

TEMPLATE_COLUMNS = (
    Column("Name", "name"),
    Column("What for", "description"),
    Column("Facts", "facts", lambda facts: plain(", ".join(fact["name"] for fact in facts))),
    Column("Sample", "sample_text"),
)

STATE = value_of("STATE", MessageState.DESCRIPTOR)


@click.group(help="Messages to customers, ISPs and admins.")
def message() -> None:
    """Only holds its commands."""


@message.command("list")
@click.option("--phone", default="", help="Only messages to this number, in any spelling.")
@click.option("--subject", default="", help="Only messages about this, such as an M-Pesa code.")
@click.option("--state", "wanted", type=STATE, default=0, show_default=False, help="Such as sent, queued, failed.")
@with_limit
@with_csv
@with_json
@with_connections
def list_messages(
    connected: Connections, /, *, wanted: MessageState.ValueType, limit: int, as_json: bool, as_csv: bool, **about: str
) -> None:
    """List messages, newest first."""
    messages = connected.channels.messages

    def fetch(size: int, token: str) -> object:
        return messages.ListMessages(ListMessagesRequest(**about, state=wanted, page_size=size, page_token=token))

    show_list("messages", COLUMNS, read_pages(fetch, "messages", limit), as_json=as_json, as_csv=as_csv)


@message.command("show")
@click.argument("message_id", metavar="ID")
@with_json
@with_connections
def show(connected: Connections, message_id: str, as_json: bool) -> None:
    """Show one message."""
    answer = connected.channels.messages.GetMessage(GetMessageRequest(message_id=message_id))
    if as_json:
        print_json(record(answer.message))
    else:
        show_record("Message", SHOW_COLUMNS, record(answer.message))


@message.command("templates")
@with_csv
@with_json
@with_connections
def list_templates(connected: Connections, *, as_json: bool, as_csv: bool) -> None:
    """List the texts that notify has, with the facts that each needs."""
    answer = connected.channels.messages.ListTemplates(ListTemplatesRequest())
    found = [record(one) for one in answer.templates], False
    show_list("templates", TEMPLATE_COLUMNS, found, as_json=as_json, as_csv=as_csv)
