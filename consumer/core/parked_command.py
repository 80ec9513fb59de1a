"""What somebody may ask for about a request that waits.

`schemas/parked-command.v1.json` is the contract, this is the same contract as types.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import StringConstraints

from consumer.core.closed import Closed

Verb: TypeAlias = Literal["cancel", "promote"]


class ParkedCommand(Closed):
    """What is to be done, and with which parked request of the same tenant."""

    command: Verb
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
