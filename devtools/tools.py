"""Programs that the chart and the rules are tested with, put into .cache/tools once.

    python -m devtools.tools        fetch what is missing, and say what cannot be had here

helm, helm-unittest and the judges of compose file and dashboard are built by Go. Prometheus and promtool are taken out
of Debian's package, without installing it.
The types of custom resources are packages of npm. What is on PATH already is used as it is.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_HELM = "helm.sh/helm/v3/cmd/helm@v3.22.0"
_HELM_UNITTEST = "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"  # its version: helm_unittest/go.mod
_KUBERNETES_MINOR = 37
_CUSTOM_RESOURCES = ("@kubernetes-models/keda@2.0.0", "@kubernetes-models/prometheus-operator@6.0.0", "typescript@5.9")
_FOLDER = Path(__file__).parents[1] / ".cache" / "tools"
_UNITTEST = Path(__file__).parent / "helm_unittest"
_JUDGES = Path(__file__).parent / "judges"
_BIN = _FOLDER / "bin"
_WITHIN = 900


class NoToolError(Exception):
    """It is not here; the text says what would help."""


def helm() -> Path:
    """Helm 3, as it was found or built."""
    return _present("helm")


def promtool() -> Path:
    """Prometheus' own judge of rules."""
    return _present("promtool")


def prometheus() -> Path:
    """Prometheus itself."""
    return _present("prometheus")


def helm_unittest() -> Path:
    """The runner of the chart's own tests."""
    return _present("helm-unittest")


def judge_of_compose() -> Path:
    """Docker Compose's own reader of its files."""
    return _present("judge-compose")


def judge_of_dashboards() -> Path:
    """Grafana's own types of a dashboard."""
    return _present("judge-dashboard")


def custom_resources() -> Path:
    """The folder whose `node_modules` hold the types of custom resources and the compiler that checks them."""
    if not (_FOLDER / "node_modules" / "typescript").exists():
        raise NoToolError("the types of custom resources are not here: make chart")
    return _FOLDER


def _present(name: str) -> Path:
    found = _BIN / name if (_BIN / name).exists() else shutil.which(name)
    if not found:
        raise NoToolError(f"{name} is not here: make chart")
    return Path(found)


def _build_helm() -> None:
    if not shutil.which("go"):
        raise NoToolError("helm: install Helm 3, or Go, which builds it")
    _say("Building helm, which takes some minutes once ...")
    # A helm that is built without these takes itself for one of Kubernetes 1.20, which the chart refuses.
    version = "helm.sh/helm/v3/pkg/chartutil.k8sVersion"
    flags = f"-ldflags=-s -w -X {version}Major=1 -X {version}Minor={_KUBERNETES_MINOR}"
    _run(["go", "install", flags, _HELM], environment={"GOBIN": str(_BIN)})


def _build_helm_unittest() -> None:
    if not shutil.which("go"):
        raise NoToolError("helm-unittest: install Go, which builds it")
    _say("Building helm-unittest, which takes some minutes once ...")
    # From a module of ours: it replaces a dependency, which Go allows only the main module to do.
    _run(["go", "install", _HELM_UNITTEST], folder=str(_UNITTEST), environment={"GOBIN": str(_BIN)})


def _build_judges() -> None:
    if not shutil.which("go"):
        raise NoToolError("the judges of docker-compose.yml and the dashboard: install Go, which builds them")
    _say("Building the judges of docker-compose.yml and the dashboard ...")
    _run(["go", "install", "./..."], folder=str(_JUDGES), environment={"GOBIN": str(_BIN)})


def _take_prometheus() -> None:
    if not shutil.which("apt-get"):
        raise NoToolError("prometheus and promtool: install Prometheus")
    _say("Taking Prometheus and promtool out of Debian's package ...")
    with tempfile.TemporaryDirectory() as folder:
        try:
            _run(["apt-get", "download", "-qq", "prometheus"], folder=folder)
        except NoToolError:  # a fresh machine has no lists of packages
            _run(["apt-get", "update", "-qq"])
            _run(["apt-get", "download", "-qq", "prometheus"], folder=folder)
        (package,) = Path(folder).glob("*.deb")
        _run(["dpkg-deb", "--extract", package.name, "content"], folder=folder)
        for name in ("prometheus", "promtool"):
            shutil.copy(Path(folder) / "content/usr/bin" / name, _BIN / name)


def _install_custom_resources() -> None:
    if not shutil.which("npm"):
        raise NoToolError("the types of custom resources: install Node with npm")
    _say("Fetching the types of custom resources ...")
    told = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--loglevel=error"]
    _run(["npm", "install", *told, "--prefix", str(_FOLDER), *_CUSTOM_RESOURCES])


def _run(command: Sequence[str], *, folder: str | None = None, environment: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoToolError(f"{command[0]} was not done within {_WITHIN} s") from None
    if done.returncode:
        raise NoToolError(f"{' '.join(command[:3])} failed: {done.stdout.strip()[-500:]}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Fetch what is missing. Tests of what cannot be had are skipped, and say so."""
    _BIN.mkdir(parents=True, exist_ok=True)
    for look, fetch in (
        (helm, _build_helm),
        (helm_unittest, _build_helm_unittest),
        (judge_of_compose, _build_judges),
        (judge_of_dashboards, _build_judges),
        (promtool, _take_prometheus),
        (prometheus, _take_prometheus),
        (custom_resources, _install_custom_resources),
    ):
        try:
            look()
        except NoToolError:
            try:
                fetch()
            except NoToolError as error:
                _say(f"cannot be had here: {error}")


if __name__ == "__main__":
    main()
