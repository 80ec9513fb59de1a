"""The chart's own tests, which whoever changes it can run by `helm unittest helm`."""

import subprocess
import tarfile
from pathlib import Path

import pytest

from devtools.tools import NoToolError, helm_unittest
from tests.chart.render import CHART, run_helm

pytestmark = [pytest.mark.chart, pytest.mark.usefixtures("with_helm")]


@pytest.mark.timeout(120)
def test_the_charts_own_tests_pass() -> None:
    try:
        runner = helm_unittest()
    except NoToolError as error:
        pytest.skip(str(error))
    done = subprocess.run([runner, "--strict", CHART], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    suites = len(list((CHART / "tests").glob("*_test.yaml")))
    assert f"Test Suites: {suites} passed, {suites} total" in " ".join(done.stdout.split())


def test_the_charts_own_tests_are_not_in_its_package(tmp_path: Path) -> None:
    done = run_helm("package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as content:
        names = content.getnames()
    assert "consumer/values.yaml" in names
    assert not [name for name in names if name.startswith("consumer/tests")]
