"""What of the Helm chart is made: the schema of its values, its README, and its copies of dashboard and rules.

`python -m devtools.chart` writes them; a test sees when they are not what they should be. The schema of `settings`
comes from the consumer's own settings, so that a misspelt one fails before anything is deployed.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from devtools import dashboard
from devtools.chart.readme import readme
from devtools.chart.schema import schema

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm"


def made() -> Mapping[Path, str]:
    """The files, and what has to stand in them."""
    values = schema()
    return {
        CHART / "values.schema.json": json.dumps(values, indent=2) + "\n",
        CHART / "README.md": readme(values, CHART / "values.yaml"),
        dashboard.PATH: dashboard.text(),
        CHART / "files/rules.yaml": (ROOT / "monitoring/rules/consumer.yaml").read_text(),
        CHART / "files/dashboard.json": dashboard.text(),
    }
