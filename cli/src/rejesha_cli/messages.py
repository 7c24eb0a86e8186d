"""`rejesha message …`: the SMS that were sent, or why not."""

from typing import Annotated

import typer
from rejesha.notify.v1.notify_service_pb2 import GetMessageRequest, ListMessagesRequest, MessageState

from rejesha_cli.context import AsJson, Limit, connections, word_of
from rejesha_cli.pages import read_pages
from rejesha_cli.records import record
from rejesha_cli.tables import Column, moment, print_json, show_list, show_record, state

app = typer.Typer(no_args_is_help=True, help="Messages to customers, ISPs and admins.")

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

State = Annotated[
    int | None,
    typer.Option(parser=word_of(MessageState.DESCRIPTOR), metavar="STATE", help="Such as sent, queued, failed."),
]


@app.command("list")
def list_messages(
    ctx: typer.Context,
    subject: Annotated[str, typer.Option(help="Only messages about this, such as an M-Pesa code.")] = "",
    state: State = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List messages, newest first."""
    messages = connections(ctx).channels.messages

    def fetch(size: int, token: str) -> object:
        wanted = MessageState.ValueType(state or 0)
        return messages.ListMessages(
            ListMessagesRequest(subject=subject, state=wanted, page_size=size, page_token=token)
        )

    show_list("messages", COLUMNS, read_pages(fetch, "messages", limit), as_json=as_json)


@app.command("show")
def show(
    ctx: typer.Context,
    message_id: Annotated[str, typer.Argument(help="The message's id.")],
    as_json: AsJson = False,
) -> None:
    """Show one message."""
    answer = connections(ctx).channels.messages.GetMessage(GetMessageRequest(message_id=message_id))
    if as_json:
        print_json(record(answer.message))
    else:
        show_record("Message", SHOW_COLUMNS, record(answer.message))
