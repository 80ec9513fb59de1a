"""The commands. Data goes to stdout, everything said to people to stderr; secrets come from the environment only."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from consumer.adapters import metrics
from consumer.adapters.metrics.registry import own_version
from consumer.cli import checking, emitting, health, making, parked, suppressions, tools, watching
from consumer.cli.exits import Exit, epilog
from consumer.cli.start import run as start
from consumer.cli.terminal import Output, OutputOption
from consumer.cli.terminal import end as _end
from consumer.cli.terminal import endings as _endings
from consumer.cli.terminal import say as _say
from consumer.cli.terminal import seconds as _seconds
from consumer.cli.terminal import settings as _settings
from consumer.cli.terminal import stop_at as _stop_at
from consumer.client.events import Operation
from consumer.core.parked_command import Verb
from consumer.core.parking import Reason
from consumer.settings import Settings, reference


class Page(StrEnum):
    SETTINGS = "settings"
    METRICS = "metrics"


commands = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=epilog(),
)
topics = typer.Typer(no_args_is_help=True, help="Make and look at the topics.", epilog=epilog())
commands.add_typer(topics, name="topics")
waiting = typer.Typer(
    no_args_is_help=True, help="Look at what is parked, take it back or send it now.", epilog=epilog()
)
commands.add_typer(waiting, name="parked")
listing = typer.Typer(
    no_args_is_help=True, help="Look at who must not be written to, block and unblock recipients.", epilog=epilog()
)
commands.add_typer(listing, name="suppressions")
tools.add_to(commands)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(own_version())
        raise typer.Exit


@commands.callback()
def program(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print which version this is.")
    ] = False,
) -> None:
    """Sends email as Kafka asks for it. Settings are CONSUMER_ variables: see `consumer reference settings`."""


def execute(arguments: Sequence[str]) -> int:
    """Runs a command; its exit code."""
    try:
        commands(list(arguments), prog_name="consumer")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else Exit.OK
    return Exit.OK


@commands.command(epilog=epilog("run"))
def run(
    *,
    workers: Annotated[
        int | None,
        typer.Option(help="So many processes, under one address; otherwise CONSUMER_WORK__WORKERS.", min=1, max=64),
    ] = None,
) -> None:
    """Take requests, send mail, publish outcomes, until SIGTERM."""
    raise typer.Exit(start(workers))


@commands.command(epilog=epilog("check"))
def check(
    *,
    online: Annotated[bool, typer.Option("--online", help="Also look at the topics, and at where relays are.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say everything that is wrong with settings and tenants at once; show the settings in force."""
    _end(checking.check(online=online, as_json=output is Output.JSON))


@commands.command(epilog=epilog("healthcheck"))
def healthcheck(
    *,
    ready: Annotated[bool, typer.Option("--ready", help="Ask /readyz: is there work that it can do?")] = False,
    within: Annotated[float, typer.Option(help="Wait so many seconds for the answer.", min=0.1)] = health.WITHIN,
) -> None:
    """Ask the consumer that runs in this container whether it is well: /healthz, at the host and port of the settings."""
    raise typer.Exit(health.healthcheck(ready=ready, within=within))


@topics.command(epilog=epilog("topics create"))
def create() -> None:
    """Make the topics that are missing; say in what the others differ from what is wanted."""
    _end(making.create(_settings()))


@topics.command(epilog=epilog("topics describe"))
def describe(*, output: OutputOption = Output.TABLE) -> None:
    """Show the topics as they are, and what is wrong with them."""
    _end(making.describe(_settings(), as_json=output is Output.JSON))


@commands.command(epilog=epilog("send"))
def send(  # noqa: PLR0913  each is a flag
    *,
    operation: Annotated[
        Operation | None,
        typer.Option(help="What is asked for; otherwise send-email, or what the file says if it is a CloudEvent."),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Who sends. Needed, unless the file is a CloudEvent.")] = None,
    to: Annotated[list[str] | None, typer.Option(help="A recipient; may be repeated.")] = None,
    subject: Annotated[str | None, typer.Option(help="The subject.")] = None,
    text: Annotated[str | None, typer.Option(help="The text body.")] = None,
    html: Annotated[str | None, typer.Option(help="The HTML body.")] = None,
    request_id: Annotated[str | None, typer.Option("--id", help="The request id; otherwise a new one.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="Send this file as it is (- for stdin): a structured CloudEvent, or plain JSON."),
    ] = None,
    wait: Annotated[
        float | None, typer.Option(help="Wait so many seconds for the outcome and print it.", min=0)
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Emit a request; with --wait, print its outcome. Credentials are never flags: put them into a file."""
    fields = {"to": to, "subject": subject, "text": text, "html": html}
    asked = emitting.emission(
        tenant, request_id, {key: value for key, value in fields.items() if value}, file, operation
    )
    if isinstance(asked, str):
        _say(asked)
        raise typer.Exit(Exit.USAGE)
    _end(emitting.send(_settings(), asked, wait=wait, as_json=output is Output.JSON))


@commands.command(epilog=epilog("outcomes"))
def outcomes(
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as new ones come, until Ctrl-C.")] = False,
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="Only of this ending (accepted, rejected, ...); may be repeated.")
    ] = None,
    operation: Annotated[Operation | None, typer.Option(help="Only of what was asked for so.")] = None,
    since: Annotated[str, typer.Option(help="How far back, such as 30m, 24h, 7d.")] = "1h",
    output: OutputOption = Output.TABLE,
) -> None:
    """Print outcomes, oldest first within a partition."""
    wrong: list[str] = []
    wanted = watching.Wanted(tenant, _endings(type_, wrong), _seconds("--since", since, wrong), follow, operation)
    _stop_at(wrong)
    _end(watching.watch(_settings(), wanted, as_json=output is Output.JSON))


@waiting.command("list", epilog=epilog("parked list"))
def show_parked(
    *,
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    reason: Annotated[Reason | None, typer.Option(help="Only what waits for that.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print what is parked: where, whose, why, until when, and how often it was tried."""
    _end(parked.show(_settings(), parked.Wanted(tenant, reason), as_json=output is Output.JSON))


TenantOption = Annotated[str, typer.Option(help="Whose requests.")]
IdsArgument = Annotated[list[str], typer.Argument(metavar="ID", help="The ids of parked requests.")]
WaitOption = Annotated[float, typer.Option(help="Wait so many seconds for the outcomes of the commands.", min=0)]


@waiting.command(epilog=epilog("parked cancel"))
def cancel(
    ids: IdsArgument, *, tenant: TenantOption, wait: WaitOption = 30.0, output: OutputOption = Output.TABLE
) -> None:
    """Take parked requests back: each gets the outcome `cancelled`, and its id may come again."""
    _order("cancel", tenant, ids, wait, output)


@waiting.command(epilog=epilog("parked promote"))
def promote(
    ids: IdsArgument, *, tenant: TenantOption, wait: WaitOption = 30.0, output: OutputOption = Output.TABLE
) -> None:
    """Make parked requests due now. No limit is exceeded: what waits for a slot goes on waiting."""
    _order("promote", tenant, ids, wait, output)


def _order(verb: Verb, tenant: str, ids: list[str], wait: float, output: Output) -> NoReturn:
    _end(parked.order(_settings(), verb, tenant, ids, wait=wait, as_json=output is Output.JSON))


RecipientArgument = Annotated[
    str, typer.Argument(metavar="RECIPIENT", help="An address, a PII token or a digest; - reads it from stdin.")
]
HeardOption = Annotated[float, typer.Option(help="Wait so many seconds until the list has it.", min=0)]


@listing.command("list", epilog=epilog("suppressions list"))
def show_suppressed(
    recipient: Annotated[
        str | None, typer.Argument(metavar="[RECIPIENT]", help="Only this one (- reads it from stdin); with --tenant.")
    ] = None,
    *,
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print who is on the suppression lists, by digest: since when, why and until when. It holds no addresses."""
    settings = _settings()
    one = None
    if recipient is not None:
        if tenant is None:
            _say("--tenant is needed with a recipient: each tenant has a list of its own")
            raise typer.Exit(Exit.USAGE)
        one = _whom(settings, tenant, recipient)
    _end(suppressions.show(settings, tenant, one, as_json=output is Output.JSON))


@listing.command(epilog=epilog("suppressions add"))
def add(
    recipient: RecipientArgument,
    *,
    tenant: Annotated[str, typer.Option(help="Whose recipient.")],
    for_: Annotated[str | None, typer.Option("--for", help="How long, such as 12h, 30d; otherwise for good.")] = None,
    wait: HeardOption = 30.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Block a recipient: requests to nobody else end as `blocked`, others go without this one."""
    fact: dict[str, object] = {"kind": "block"}
    if for_ is not None:
        wrong: list[str] = []
        fact["until"] = suppressions.until(_seconds("--for", for_, wrong))
        _stop_at(wrong)
    _tell(fact, tenant, recipient, wait, output)


@listing.command(epilog=epilog("suppressions remove"))
def remove(
    recipient: RecipientArgument,
    *,
    tenant: Annotated[str, typer.Option(help="Whose recipient.")],
    wait: HeardOption = 30.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take a recipient off the list, whatever it is there for; what was counted is forgotten, too."""
    _tell({"kind": "unblock"}, tenant, recipient, wait, output)


def _tell(fact: dict[str, object], tenant: str, recipient: str, wait: float, output: Output) -> NoReturn:
    settings = _settings()
    one = _whom(settings, tenant, recipient)
    _end(suppressions.tell(settings, fact, tenant, one, wait=wait, as_json=output is Output.JSON))


def _whom(settings: Settings, tenant: str, recipient: str) -> suppressions.Whom:
    one = suppressions.whom(settings, tenant, recipient)
    if isinstance(one, str):
        _say(one)
        raise typer.Exit(Exit.SETTINGS if one == suppressions.NO_KEY else Exit.USAGE)
    return one


@commands.command("reference", epilog=epilog("reference"))
def pages(page: Page) -> None:
    """Print the page of all settings, or of all metrics, as Markdown."""
    typer.echo(reference() if page is Page.SETTINGS else metrics.reference(), nl=False)
