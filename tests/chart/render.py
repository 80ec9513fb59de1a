"""The chart rendered by helm, and its objects judged by the types that Kubernetes and operators have for them."""

import json
import subprocess
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from devtools.tools import custom_resources, helm

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import kubernetes_validate

CHART = Path(__file__).parents[2] / "helm"
VALUES = sorted((Path(__file__).parent / "values").glob("*.yaml"))
OLDEST, NEWEST = "1.27", "1.37"
Object: TypeAlias = dict[str, Any]

_CUSTOM = {
    "ScaledObject": "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject",
    **{
        kind: f"@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/{kind}"
        for kind in ("PodMonitor", "ServiceMonitor", "PrometheusRule")
    },
}


def run_helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([helm(), *arguments], capture_output=True, text=True, timeout=50, check=False)


def rendered(values: Path, *more: str, chart: Path = CHART, version: str = NEWEST) -> list[Object]:
    """The objects, in order."""
    return [one for one in yaml.safe_load_all(_text(values, more, chart, version)) if one]


@cache
def _text(values: Path, more: tuple[str, ...], chart: Path, version: str) -> str:
    """What helm makes of them; asked once, for many tests look at the same."""
    told = ["--namespace", "mail", "--kube-version", version, "--values", values, *more]
    done = run_helm("template", "mail", chart, *told)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(values: Path, *more: str) -> str:
    """What is said where these values are not rendered."""
    done = run_helm("template", "mail", CHART, "--kube-version", NEWEST, "--values", values, *more)
    assert done.returncode != 0, "it was rendered"
    return done.stderr


def workload(objects: Sequence[Object]) -> Object:
    """That of the consumers."""
    (found,) = [one for one in objects if one["kind"] in {"StatefulSet", "Deployment"} and not is_api(one)]
    return found


def is_api(one: Object) -> bool:
    """Whether it is of the HTTP API."""
    return one["metadata"].get("labels", {}).get("app.kubernetes.io/name", "").endswith("-ingress")


def api_of_kind(objects: Sequence[Object], kind: str) -> Object:
    """The object of the HTTP API of that kind, the first of several."""
    return next(one for one in objects if one["kind"] == kind and is_api(one))


def of_kind(objects: Sequence[Object], kind: str) -> Object:
    (found,) = [one for one in objects if one["kind"] == kind]
    return found


def pods(objects: Sequence[Object]) -> Iterator[Object]:
    """The spec of each pod that there will be."""
    yield from (one["spec"]["template"]["spec"] for one in objects if "template" in one.get("spec", {}))


def variables(container: Mapping[str, Any]) -> dict[str, Any]:
    """What a container's environment says, by name; twice the same is a mistake."""
    names = [one["name"] for one in container["env"]]
    assert len(set(names)) == len(names), names
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


def unfit(one: Object, version: str) -> str:
    """What Kubernetes would not take of one of its own objects; empty if it would."""
    try:
        kubernetes_validate.validate(one, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{one['kind']} {list(error.path)}: {error.message}"
    return ""


def is_custom(one: Object) -> bool:
    return one["kind"] in _CUSTOM


def unfit_custom(objects: Sequence[Object], folder: Path) -> str:
    """What operators would not take of theirs: unknown fields by the compiler, wrong values by their validators."""
    modules = custom_resources() / "node_modules"
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    typed, checked = [], []
    for number, one in enumerate(objects):
        place, text = _CUSTOM[one["kind"]], json.dumps(one)
        typed.append(
            f'import {{ I{one["kind"]} as T{number} }} from "{place}";\nexport const o{number}: T{number} = {text};'
        )
        checked.append(f'import {{ {one["kind"]} as C{number} }} from "{place}";\nnew C{number}({text}).validate();')
    (folder / "typed.ts").write_text("\n".join(typed))
    (folder / "checked.mjs").write_text("\n".join(checked))
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext"]
    compiled = _node(folder, modules / "typescript/bin/tsc", *options, "typed.ts")
    return compiled + _node(folder, "checked.mjs")


def _node(folder: Path, *arguments: str | Path) -> str:
    done = subprocess.run(["node", *arguments], cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
