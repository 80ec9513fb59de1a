"""Settings: one frozen value, read at the door. Nobody else reads the environment."""

from consumer.settings.groups import (
    Attachments,
    Http,
    Kafka,
    Log,
    NetworkGuard,
    Oauth,
    Pii,
    Settings,
    Smtp,
    Suppression,
    Tenants,
    Topics,
    Work,
)
from consumer.settings.load import Wrong, load, variables
from consumer.settings.show import reference, resolved

__all__ = [
    "Attachments",
    "Http",
    "Kafka",
    "Log",
    "NetworkGuard",
    "Oauth",
    "Pii",
    "Settings",
    "Smtp",
    "Suppression",
    "Tenants",
    "Topics",
    "Work",
    "Wrong",
    "load",
    "reference",
    "resolved",
    "variables",
]
