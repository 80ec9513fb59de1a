"""The commands for producers and for who looks after their requests: `validate`, `render`, `schemas`, `replay`, `bench`."""

from pathlib import Path
from typing import Annotated

import typer

from consumer.cli import bench, exporting, ingress, rendering, replay, validating
from consumer.cli.exits import Exit, epilog
from consumer.cli.terminal import Output, OutputOption, end, endings, say, seconds, settings, stop_at
from consumer.core.attribute import SEND_EMAIL

schemas = typer.Typer(no_args_is_help=True, help="The published schemas, as this version has them.", epilog=epilog())


def add_to(commands: typer.Typer) -> None:
    """Makes them commands."""
    named = {"validate": validate, "render": render, "ingress": take_calls, "replay": ask_again, "bench": put_load_on}
    for name, command in named.items():
        commands.command(name, epilog=epilog(name))(command)
    commands.add_typer(schemas, name="schemas")


FilesArgument = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="JSON, or JSON Lines; - for stdin.", allow_dash=True)
]
PlainTenantOption = Annotated[str | None, typer.Option("--tenant", help="Whose it is, where it is data alone.")]


def validate(
    paths: FilesArgument,
    *,
    tenant: PlainTenantOption = None,
    type_: Annotated[str, typer.Option("--type", help="What it is, where it is data alone.")] = SEND_EMAIL,
    output: OutputOption = Output.TABLE,
) -> None:
    """Hold events against the published schemas, as the service would: structured CloudEvents, or their data alone."""
    if not validating.known(type_):
        say(f"--type: expected {' or '.join(validating.TYPES_OF_EVENTS)}")
        raise typer.Exit(Exit.USAGE)
    raise typer.Exit(validating.validate(paths, tenant, type_, as_json=output is Output.JSON))


def render(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="One event; - for stdin.", allow_dash=True)],
    *,
    tenant: PlainTenantOption = None,
    tenants: Annotated[
        Path | None,
        typer.Option(envvar="CONSUMER_TENANTS__FILE", help="The tenants file; without one, a sample tenant."),
    ] = None,
    pii: Annotated[
        Path | None,
        typer.Option(envvar="CONSUMER_PII__FILE", help="A file of PII tokens; without one, they stand for themselves."),
    ] = None,
) -> None:
    """Write the mail that an event becomes (.eml) to stdout, and its envelope to stderr. Nothing is sent or fetched."""
    raise typer.Exit(rendering.render(path, rendering.Around(tenant, tenants, pii)))


@schemas.command("list", epilog=epilog())
def show_names() -> None:
    """Print the names of what is published."""
    raise typer.Exit(exporting.show_names())


@schemas.command(epilog=epilog())
def show(name: Annotated[str, typer.Argument(help="One of those that `list` prints.")]) -> None:
    """Print one of them."""
    raise typer.Exit(exporting.show(name))


@schemas.command(epilog=epilog())
def export(folder: Annotated[Path, typer.Argument(help="Where to; made where it is missing.")]) -> None:
    """Write all of them into a folder."""
    raise typer.Exit(exporting.export(folder))


def take_calls() -> None:
    """Serve the HTTP API until SIGTERM: each call becomes a request, its answer is the outcome. See CONSUMER_INGRESS__."""
    end(ingress.serve(settings()))


def ask_again(  # noqa: PLR0913  each is a flag
    *,
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type", help="Only of this ending (rejected, expired, ...); may be repeated. Otherwise all failed."
        ),
    ] = None,
    since: Annotated[str, typer.Option(help="What ended no longer ago than this, such as 30m, 24h, 7d.")] = "24h",
    until: Annotated[str | None, typer.Option(help="What ended at least this long ago.")] = None,
    execute: Annotated[bool, typer.Option("--execute", help="Do it. Otherwise it is only shown.")] = False,
    rate: Annotated[float, typer.Option(help="At most so many a second.", min=0.01)] = 20.0,
    sent_too: Annotated[
        bool, typer.Option("--sent-too", help="Also what was accepted or unknown: it is sent a SECOND time.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Ask again for requests that failed: shows which, and with --execute writes them to the request topic once more."""
    wrong: list[str] = []
    ago = 0.0 if until is None else seconds("--until", until, wrong)
    choice = replay.Choice(tenant, endings(type_, wrong), seconds("--since", since, wrong), ago, sent_too)
    stop_at(wrong)
    end(replay.replay(settings(), choice, execute=execute, rate=rate, as_json=output is Output.JSON))


def put_load_on(  # noqa: PLR0913  each is a flag
    *,
    tenant: Annotated[str, typer.Option(help="Whose requests: one with `mode: dry-run` or `simulator: true`.")],
    requests: Annotated[int, typer.Option(help="How many, after a first one alone.", min=1, max=1_000_000)] = 1000,
    in_flight: Annotated[int, typer.Option(help="At most so many without an outcome.", min=1, max=10_000)] = 200,
    rate: Annotated[
        float | None, typer.Option(help="So many a second; otherwise as fast as it goes.", min=0.01)
    ] = None,
    size: Annotated[int, typer.Option(help="Octets of the text of each.", min=1, max=500_000)] = 1000,
    wait: Annotated[float, typer.Option(help="Seconds that each may take; then it expires.", min=0.1)] = 30.0,
    live: Annotated[bool, typer.Option("--live", help="Send REAL mail, by the tenant's relay; with --to.")] = False,
    to: Annotated[str | None, typer.Option(help="To whom; otherwise to nobody.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Measure outcomes a second, and how long each takes. Unless --live is said, no mail goes out; its windows fill up."""
    load = bench.Load(tenant, requests, in_flight, rate, size, wait, live, to)
    end(bench.bench(settings(only_kafka=False), load, as_json=output is Output.JSON))
