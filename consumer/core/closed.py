"""What the typed bodies of requests have in common."""

from collections.abc import Iterable
from typing import cast

from pydantic import BaseModel, ConfigDict, model_validator
from typing_extensions import override


class Closed(BaseModel):
    """Frozen, without unknown fields or nulls, and silent about its content."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, value: object) -> object:
        if isinstance(value, dict) and any(given is None for given in cast("dict[str, object]", value).values()):
            raise ValueError
        return cast("object", value)

    @override
    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        return ()
