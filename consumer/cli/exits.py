"""Exit codes of all commands (sysexits.h where it has one)."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0  # done; for `send --wait`: accepted
    OTHER = 1  # `send --wait`: an outcome other than accepted
    USAGE = 2  # the command line makes no sense
    UNAVAILABLE = 69  # Kafka cannot be reached
    NO_ANSWER = 75  # `send --wait`: no outcome in time; it may still come
    SETTINGS = 78  # settings, tenants file or topics are wrong


EPILOG = (
    "Exit codes: 0 done; 1 an outcome other than accepted (send --wait); 2 usage; 69 Kafka cannot be reached;"
    " 75 no outcome in time (send --wait); 78 settings, tenants file or topics are wrong."
)
