"""What a producer may ask for: to connect and to log in, and to send nothing.

`schemas/validate-credentials.v1.json` is the contract, this is the same contract as types.
"""

from typing_extensions import override

from consumer.core.access import Access


class ValidateCredentials(Access):
    """Whatever is to be used in place of the tenant's configuration."""

    @override
    def __repr__(self) -> str:
        return "<ValidateCredentials>"

    __str__ = __repr__
