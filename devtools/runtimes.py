"""The two ways to run a Kafka node: its jars under Java, or its image under Docker.

Both are told the same properties and use the host's network, so that a node means the same either way.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import yaml

from devtools.child import Child

_ROOT = Path(__file__).parent.parent
_POM = _ROOT / "devtools" / "kafka" / "pom.xml"
_LOGGING = _ROOT / "devtools" / "kafka" / "log4j2.properties"
_COMPOSE = _ROOT / "docker-compose.yml"
_OLDEST_JAVA = 17
_JAVA_FLAGS = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_RUN_CLASS = "/opt/kafka/bin/kafka-run-class.sh"
_DATA_IN_IMAGE = "/var/lib/kafka/data"


class NoKafkaError(Exception):
    """No Kafka can be started here; the text says what would help."""


@dataclass(frozen=True, slots=True)
class Node:
    """A broker's place: its folder, and what it is told beside where its data lie."""

    directory: Path
    cluster_id: str
    properties: Mapping[str, str]

    @property
    def log(self) -> Path:
        return self.directory / "broker.log"


class Runtime(Protocol):
    """A way to run nodes."""

    def start(self, node: Node) -> Child:
        """Start the node on the data that it has, or on none."""
        ...

    def kill(self, child: Child) -> None:
        """End it as a power cut would."""
        ...

    def freeze(self, child: Child) -> None: ...

    def thaw(self, child: Child) -> None: ...

    def forget(self, node: Node) -> None:
        """Remove what it keeps outside of the node's folder."""
        ...

    def tool(self, name: str, *arguments: str) -> list[str]:
        """The command that runs one of Kafka's own tools, by the name of its class."""
        ...


@cache
def find_runtime() -> Runtime:
    """Docker where an engine answers and has or gets the image, otherwise the jars. The first call may download."""
    reasons: list[str] = []
    for find in (_find_docker, _find_jars):
        try:
            return find()
        except NoKafkaError as error:
            reasons.append(f"  - {error}")
    raise NoKafkaError("No Kafka can be started here. One of these would do:\n" + "\n".join(reasons))


class Jars:
    """Kafka's jars under Java."""

    def __init__(self, java: str, jars: Path) -> None:
        self._java = [java, *_JAVA_FLAGS, f"-Dlog4j2.configurationFile={_LOGGING}", "-cp", f"{jars}/*"]

    def start(self, node: Node) -> Child:
        data, config = node.directory / "data", node.directory / "server.properties"
        if not data.exists():
            config.write_text("".join(f"{k}={v}\n" for k, v in {**node.properties, "log.dirs": data}.items()))
            self._format(node, config)
        return Child.start([*self._java, "kafka.Kafka", str(config)], log=node.log)

    def _format(self, node: Node, config: Path) -> None:
        arguments = ["format", "--cluster-id", node.cluster_id, "--config", str(config)]
        done = _run([*self._java, "kafka.tools.StorageTool", *arguments], within=60)
        if done.returncode:
            raise NoKafkaError(f"Kafka could not format its storage:\n{done.stdout}")

    def kill(self, child: Child) -> None:
        child.kill()

    def freeze(self, child: Child) -> None:
        child.signal(signal.SIGSTOP)

    def thaw(self, child: Child) -> None:
        child.signal(signal.SIGCONT)

    def forget(self, node: Node) -> None:
        pass

    def tool(self, name: str, *arguments: str) -> list[str]:
        return [*self._java, name, *arguments]


class Docker:
    """Kafka's image under Docker: the child is the attached client, which hands SIGTERM on to the container."""

    def __init__(self, image: str) -> None:
        self._image = image
        self._names: dict[int, str] = {}

    def start(self, node: Node) -> Child:
        name = f"consumer-kafka-{uuid.uuid4().hex[:12]}"
        environment = {"CLUSTER_ID": node.cluster_id, "KAFKA_LOG_DIRS": _DATA_IN_IMAGE}
        environment |= {variable(key): value for key, value in node.properties.items()}
        command = ["docker", "run", "--rm", "--name", name, "--network", "host"]
        command += ["--volume", f"{node.directory.name}:{_DATA_IN_IMAGE}"]
        command += [word for key in environment for word in ("--env", key)]
        child = Child.start([*command, self._image], log=node.log, environment=environment, on_our_death="TERM")
        self._names[child.pid] = name
        return child

    def kill(self, child: Child) -> None:
        self._tell("kill", child)
        child.wait(30)

    def freeze(self, child: Child) -> None:
        self._tell("pause", child)

    def thaw(self, child: Child) -> None:
        self._tell("unpause", child)

    def forget(self, node: Node) -> None:
        _run(["docker", "volume", "rm", "--force", node.directory.name], within=30)

    def tool(self, name: str, *arguments: str) -> list[str]:
        run = ["docker", "run", "--rm", "--interactive", "--network", "host", "--entrypoint", _RUN_CLASS, self._image]
        return [*run, name, *arguments]

    def _tell(self, verb: str, child: Child) -> None:
        done = _run(["docker", verb, self._names[child.pid]], within=30)
        if done.returncode:
            raise NoKafkaError(f"docker {verb}: {done.stdout.strip()}")


def variable(key: str) -> str:
    """How Kafka's image wants a property named in the environment."""
    return "KAFKA_" + key.replace("_", "__").replace("-", "___").replace(".", "_").upper()


def _find_docker() -> Docker:
    if not shutil.which("docker"):
        raise NoKafkaError("Docker: install it (there is no `docker` command)")
    if _run(["docker", "version", "--format", "{{.Server.Version}}"], within=15).returncode:
        raise NoKafkaError("Docker: start its engine (the `docker` command finds none)")
    image: str = yaml.safe_load(_COMPOSE.read_text())["services"]["kafka"]["image"]
    if _run(["docker", "image", "inspect", image], within=15).returncode:
        _say(f"Pulling {image} ...")
        if _run(["docker", "pull", image], within=600).returncode:
            raise NoKafkaError(f"Docker: make `docker pull {image}` work")
    return Docker(image)


def _find_jars() -> Jars:
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else shutil.which("java")
    if not java or not Path(java).exists():
        raise NoKafkaError(f"Java {_OLDEST_JAVA} or newer, with Maven: install them (there is no `java` command)")
    version = java_version(_run([java, "-version"], within=30).stdout)
    if version < _OLDEST_JAVA:
        raise NoKafkaError(
            f"Java {_OLDEST_JAVA} or newer: `java` is {version}; put a newer one on PATH or in JAVA_HOME"
        )
    return Jars(java, _jars())


def java_version(said: str) -> int:
    """The major version in what `java -version` says; 0 if it says none."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else 0


def _jars() -> Path:
    """The folder with the jars of our pom, filled by Maven once."""
    pom = _POM.read_text()
    version = pom.partition("<kafka.version>")[2].partition("<")[0]
    jars = _ROOT / ".cache" / f"kafka-{version}-{hashlib.sha256(pom.encode()).hexdigest()[:8]}"
    if not jars.exists():
        _copy_jars(jars)
    return jars


def _copy_jars(jars: Path) -> None:
    if not shutil.which("mvn"):
        raise NoKafkaError("Maven: install it (there is no `mvn` command; it fetches Kafka's jars once)")
    _say("Fetching Kafka's jars by Maven, once ...")
    jars.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars.parent) as beside:
        command = ["mvn", "--batch-mode", "--quiet", "--file", str(_POM), "dependency:copy-dependencies"]
        done = _run([*command, f"-DoutputDirectory={beside}/libs", "-DincludeScope=runtime"], within=600)
        if done.returncode:
            raise NoKafkaError(
                f"Maven could not fetch Kafka's jars; can it reach its repository?\n{done.stdout[-2000:]}"
            )
        _move(Path(beside) / "libs", jars)


def _move(made: Path, jars: Path) -> None:
    """Put the finished folder in its place in one step; whoever was first wins."""
    try:
        made.rename(jars)
    except OSError:
        if not jars.exists():
            raise


def _run(command: Sequence[str], within: float) -> subprocess.CompletedProcess[str]:
    """Run it to its end; a time used up counts as a failure."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=within, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, f"`{command[0]}` did not end within {within:.0f} s")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
