"""Checks that what is about to be released is complete: run by `make release-check`.

The wheel and the source distribution in `dist/` are looked into; the wheel is installed into an
environment of its own, and used there from outside of the checkout.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from email import message_from_string
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECRET = re.compile(
    rb"AKIA[0-9A-Z]{16}|-----BEGIN (?:RSA |EC )?PRIVATE KEY|ya29\.[\w-]{20,}|sk-ant-[\w-]{20,}"
)
TRIAL = """
from langchain_claude_cloud import ChatClaudeCloud, __version__
from langchain_claude_cloud.testing import CloudEmulator, text
with CloudEmulator() as emulator:
    for platform in (emulator.vertex(), emulator.bedrock()):
        emulator.reply(text("It works."))
        model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform)
        assert model.invoke("Does it work?").text == "It works."
print(__version__)
"""


def main() -> int:
    """Check all, print what is wrong, and return the exit status."""
    (wheel,) = (ROOT / "dist").glob("*.whl")
    (source,) = (ROOT / "dist").glob("*.tar.gz")
    problems = [*_check_wheel(wheel), *_check_source(source), *_check_versions(wheel)]
    version = _try_installed(wheel)
    if f"-{version}-" not in wheel.name:
        problems.append(f"The installed package says {version}, the wheel is {wheel.name}.")
    for problem in problems:
        print(f"release-check: {problem}", file=sys.stderr)
    print("release-check:", "failed" if problems else f"{wheel.name} is ready")
    return bool(problems)


def _check_wheel(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = message_from_string(
            archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        )
        secrets = [name for name in names if SECRET.search(archive.read(name))]
    problems = [f"{name} in the wheel looks like it holds a secret." for name in secrets]
    if not metadata.get_all("Project-URL"):
        problems.append("The metadata has no project URLs.")
    outside = [name for name in names if not name.startswith("langchain_claude_cloud")]
    problems += [f"The wheel holds {name}." for name in outside]
    return problems


def _check_source(source: Path) -> list[str]:
    with tarfile.open(source) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    wanted = ("LICENSE", "README.md", "CHANGELOG.md", "Makefile", "tests", "docs/index.md")
    return [f"The source distribution lacks {name}." for name in wanted if name not in files]


def _check_versions(wheel: Path) -> list[str]:
    version = wheel.name.split("-")[1]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    if re.search(heading, changelog, re.MULTILINE):
        return []
    return [f"CHANGELOG.md has no dated section for {version}."]


def _try_installed(wheel: Path) -> str:
    """Install the wheel, use it from an empty folder, and return its version."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        requirement = f"langchain-claude-cloud[all] @ {wheel.as_uri()}"
        install = [python, "-m", "pip", "install", "--quiet", requirement]
        subprocess.run(install, check=True)  # noqa: S603 - the environment that was just made
        tried = subprocess.run(  # noqa: S603 - the same
            [python, "-c", TRIAL], check=True, cwd=folder, capture_output=True, text=True
        )
    return tried.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
