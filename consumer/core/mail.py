"""A mail ready for the wire."""

from typing import NewType

from typing_extensions import override

from consumer.core.frozen import frozen

Address = NewType("Address", str)
"""An address in the form that goes on the wire (domain as A-labels): made by `parse_address` only."""


@frozen
class Mail:
    """Envelope and content. `content` has CRLF line ends and is not dot-stuffed; its repr tells nobody's data.

    Mails of different lanes take turns where they wait for the same relay.
    """

    sender: Address
    recipients: tuple[Address, ...]
    content: bytes
    message_id: str
    smtputf8: bool = False
    eight_bit: bool = False
    lane: str = ""

    @override
    def __repr__(self) -> str:
        return f"<Mail {self.message_id} to {len(self.recipients)}, {len(self.content)} bytes>"
