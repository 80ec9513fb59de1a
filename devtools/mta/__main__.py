"""Gets what Debian's packages of relays hold into `.cache/mta`, without installing them: `python -m devtools.mta`."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from devtools.mta import PACKAGES

WANTED = ("chasquid",)  # Postfix has to be installed: its programs know their places, and it needs users of its own


def main() -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        sys.exit("no Debian: install postfix or chasquid by other means")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", *WANTED], cwd=folder, check=True, timeout=300)
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", package, PACKAGES], check=True, timeout=60)
    print(f"unpacked into {PACKAGES}: {', '.join(WANTED)}")


if __name__ == "__main__":
    main()
