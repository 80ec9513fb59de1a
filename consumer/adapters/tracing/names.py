"""Every name of a span and of its attributes.

After OpenTelemetry's semantic conventions 1.44.0: messaging spans, and what Kafka adds to them. They are still in
development: a later version may rename what is here. Names that begin with `email.` are our own; docs/tracing.md lists all.
"""

from typing import Final

SCHEMA: Final = "https://opentelemetry.io/schemas/1.44.0"
SCOPE: Final = "consumer"

# spans: name of the operation, and the topic behind it (semantic conventions, messaging spans, span name)
POLL: Final = "poll"
PROCESS: Final = "process"
SEND: Final = "send"
COMMIT: Final = "commit"

# messaging
SYSTEM: Final = "messaging.system"
OPERATION: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
TOPIC: Final = "messaging.destination.name"
PARTITION: Final = "messaging.destination.partition.id"
OFFSET: Final = "messaging.kafka.offset"
GROUP: Final = "messaging.consumer.group.name"
CLIENT: Final = "messaging.client.id"
MESSAGES: Final = "messaging.batch.message_count"
MESSAGE: Final = "messaging.message.id"

# general
ERROR: Final = "error.type"
SERVER: Final = "server.address"
PORT: Final = "server.port"
PROTOCOL: Final = "network.protocol.name"

# ours
TENANT: Final = "email.tenant"
OUTCOME: Final = "email.outcome"
REASON: Final = "email.reason"
ATTEMPT: Final = "email.attempt"
STAGE: Final = "email.relay.stage"
CODE: Final = "email.relay.code"
LEAVE: Final = "leave to send"
"""An event in the span of a send: its intent is committed, and the body may go out."""

TYPES: Final = {POLL: "receive", PROCESS: "process", COMMIT: "settle"}
"""The type of each operation on a topic. A relay is no messaging system in their sense: `send` has none."""
