"""What a producer may ask for: one mail of our own text, which shows whether mail can be sent.

`schemas/send-test-email.v1.json` is the contract, this is the same contract as types.
"""

from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from typing_extensions import override

from consumer.core import wire
from consumer.core.access import Access, missing, relay_of_access
from consumer.core.outcome import Invalid
from consumer.core.send_email import SendEmail
from consumer.core.tenant import Tenant
from consumer.core.timestamp import format_timestamp

_TEXT = """\
This is a test email.

It was asked for to find out whether email can be sent with the configuration of "{tenant}".
Now that you read it: it can.

Asked for by: {tenant}
Asked for at: {at}
Request: {id}

If you did not expect it, there is nothing that you have to do.
"""


def _local_fits(value: str) -> str:
    """RFC 5321, 4.5.3.1.1."""
    if wire.LOCAL_FITS.match(value):
        return value
    raise ValueError


class SendTestEmail(Access):
    """A recipient, and whatever is to be used in place of the tenant's configuration."""

    email: Annotated[str, StringConstraints(max_length=254, pattern=wire.ADDRESS), AfterValidator(_local_fits)]
    from_name: Annotated[str, StringConstraints(max_length=256, pattern=wire.LINE)] | None = None
    from_address: (
        Annotated[str, StringConstraints(max_length=254, pattern=wire.MAILBOX), AfterValidator(_local_fits)] | None
    ) = None

    @override
    def __repr__(self) -> str:
        return "<SendTestEmail>"

    __str__ = __repr__


def mail_of(test: SendTestEmail, *, tenant: str, request_id: str, asked_at: float) -> SendEmail:
    """The mail to send: it says that it is a test, and who asked for it. In doubt it is not sent a second time."""
    text = _TEXT.format(tenant=tenant, id=request_id, at=format_timestamp(asked_at))
    return SendEmail((test.email,), subject=f"Test email for {tenant}", text=text, on_unknown="report")


def as_tested(test: SendTestEmail, tenant: Tenant) -> Tenant | Invalid:
    """The tenant as if its configuration said what the test says."""
    errors = missing(test, tenant)
    if errors:
        return Invalid("invalid-request", errors)
    name = tenant.from_name if test.from_name is None else test.from_name or None
    address = test.from_address or tenant.from_address
    return replace(tenant, relay=relay_of_access(test, tenant), from_name=name, from_address=address)
