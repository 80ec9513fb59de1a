"""Writes the dashboard."""

from devtools.dashboard import PATH, text

PATH.write_text(text())
