"""SMTP: `SmtpTransport` hands mails to relays. conversation.py says what each ending means."""

from consumer.adapters.smtp.options import PoolLimits, SmtpOptions, Timeouts
from consumer.adapters.smtp.reasons import Reason
from consumer.adapters.smtp.transport import PoolsSnapshot, SmtpTransport

__all__ = ["PoolLimits", "PoolsSnapshot", "Reason", "SmtpOptions", "SmtpTransport", "Timeouts"]
