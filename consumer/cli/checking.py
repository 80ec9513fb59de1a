"""`consumer check`: what is wrong, and what is in force."""

import json
import sys

from consumer.adapters.kafka import topics
from consumer.cli import reaching, wire
from consumer.cli.exits import Exit
from consumer.cli.start import faults, refuse
from consumer.settings import Settings, Wrong, load, resolved


async def check(*, online: bool, as_json: bool) -> Exit:
    """Everything that can be known without connecting, and with `online` also what Kafka and the guard say."""
    settings = load()
    wrong = faults(settings)
    if isinstance(settings, Settings):
        _show(settings, as_json=as_json)
    if wrong or isinstance(settings, Wrong):
        refuse(wrong)
        return Exit.SETTINGS
    if online and await _problems(settings):
        return Exit.SETTINGS
    print("all is well", file=sys.stderr)
    return Exit.OK


async def _problems(settings: Settings) -> bool:
    without_token = await reaching.no_token(settings.kafka)
    if without_token:
        refuse(without_token)
        return True  # Kafka would not even be asked
    found, _ = await topics.examine(settings, wire.options(settings))
    wrong = (*found, *await reaching.not_allowed(settings))
    refuse(wrong)
    return bool(wrong)


def _show(settings: Settings, *, as_json: bool) -> None:
    shown = resolved(settings)
    if as_json:
        print(json.dumps(shown, indent=2))
        return
    for name, value in shown.items():
        print(f"{name}={_text(value)}")


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
