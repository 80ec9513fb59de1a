"""Writes what of the chart is made."""

from devtools.chart import made

for path, text in made().items():
    path.write_text(text)
