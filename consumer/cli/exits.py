"""Exit codes of all commands (sysexits.h where it has one)."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0  # done; for `send --wait`: accepted, or validated
    # `send --wait`: any other outcome; `parked cancel`, `parked promote`: other than obeyed;
    # `suppressions add`, `suppressions remove`: heard and not taken; `healthcheck`: not well, or no answer;
    # `validate`, `render`: an event that is not valid; `replay`: requests are gone; `bench`: not all were accepted
    OTHER = 1
    USAGE = 2  # the command line makes no sense
    UNAVAILABLE = 69  # Kafka cannot be reached
    NO_ANSWER = 75  # `send --wait`, `parked cancel`, `parked promote`, `bench`: no outcome in time; it may still come
    SETTINGS = 78  # settings, tenants file or topics are wrong


EPILOG = (
    "Exit codes: 0 done; 1 an outcome other than was asked for (send --wait, parked cancel, parked promote, bench), an"
    " invalid event (validate, render), one that is gone (replay), or not well (healthcheck); 2 usage, or a file that"
    " cannot be read; 69 Kafka cannot be reached; 75 no outcome in time (the same); 78 settings, tenants file or topics"
    " are wrong."
)
