"""Values that a mail is made of, dozens for each."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import dataclass_transform

_T = TypeVar("_T")

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def frozen(cls: type[_T]) -> type[_T]:
        """A frozen dataclass with slots, as the type checker sees it: whoever sets a field of one is told so there.

        At run time its fields are plain, for a frozen one costs 0.1 us more for each field it is made with.
        """
        ...

else:
    frozen = dataclass(slots=True, unsafe_hash=True)
