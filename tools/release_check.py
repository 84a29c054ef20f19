"""Checks that what is about to be released is complete: run by `make release-check`.

The wheel and the source distribution in `dist/` are looked into, installed into an environment of
their own, and used there from outside of the checkout. What is wrong fails the check. What only
the owner can decide, such as the project's address, is listed, and fails a release alone
(``--release``).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECRET = re.compile(
    rb"AKIA[0-9A-Z]{16}|-----BEGIN (?:RSA |EC )?PRIVATE KEY-----\\?n?\s*[\w+/]{40}"
    rb"|ya29\.[\w-]{30,}|sk-ant-[\w-]{20,}"
)
# Keys as AWS's documentation shows them.
EXAMPLE = re.compile(rb"AKIA[0-9A-Z]*EXAMPLE")
# The key of a certificate for the tests' own servers on loopback.
NO_SECRETS = ("tests/platform/http_certificate.py",)
IN_SOURCE = ("LICENSE", "README.md", "CHANGELOG.md", "Makefile", "tests", "docs/index.md")
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


def main(arguments: list[str]) -> int:
    """Check all, print what is wrong or left to do, and return the exit status."""
    (wheel,) = (ROOT / "dist").glob("*.whl")
    (source,) = (ROOT / "dist").glob("*.tar.gz")
    metadata = _metadata(wheel)
    version = metadata["Version"]
    problems = [
        *_check_contents(wheel, source),
        *_check_pythons(metadata),
        *_check_changelog(version),
        *_try_installed(wheel, source, version),
    ]
    left = list(_left_to_do(metadata))
    for problem in problems:
        print(f"release-check: wrong: {problem}")
    for one in left:
        print(f"release-check: to do before the release: {one}")
    failed = bool(problems) or (bool(left) and "--release" in arguments)
    verdict = "failed" if failed else "all else is as it should be" if left else "ready"
    print(f"release-check: {wheel.name}, {source.name}: {verdict}")
    return failed


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith("/METADATA"))
        return message_from_string(archive.read(name).decode())


def _left_to_do(metadata: Message) -> Iterator[str]:
    if not metadata.get_all("Project-URL"):
        yield "set [project.urls] in pyproject.toml: the repository, its issues, the changelog."
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if re.search(r"^## \[Unreleased\]\s+[^\s#]|^## \[Unreleased\]\s+###", changelog, re.MULTILINE):
        yield "give the changes under Unreleased in CHANGELOG.md a version and a date."


def _check_contents(wheel: Path, source: Path) -> Iterator[str]:
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    yield from _secrets(wheel.name, held.items())
    yield from (
        f"The wheel holds {name}." for name in held if not name.startswith("langchain_claude_cloud")
    )
    with tarfile.open(source) as archive:
        files = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        held = {name: file.read() for name, file in files.items() if file}
    yield from _secrets(source.name, held.items())
    names = {name.partition("/")[2] for name in held}
    for wanted in IN_SOURCE:
        if not any(name == wanted or name.startswith(f"{wanted}/") for name in names):
            yield f"The source distribution lacks {wanted}."


def _secrets(archive: str, held: Iterable[tuple[str, bytes]]) -> Iterator[str]:
    for name, content in held:
        if name.endswith(NO_SECRETS):
            continue
        for found in SECRET.finditer(content):
            if not EXAMPLE.match(found[0]):
                yield f"{name} in {archive} looks like it holds a secret: {found[0][:8]!r}..."


def _check_pythons(metadata: Message) -> Iterator[str]:
    """The classifiers are the versions that the tests run with."""
    named = re.findall(
        r"Python :: (3\.\d+)", "\n".join(metadata.get_all("Classifier") or []), re.MULTILINE
    )
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    matrix = re.search(r"python: \[(.*)\]", workflow)
    tested = re.findall(r"3\.\d+", matrix[1]) if matrix else []
    if named != tested:
        yield f"The classifiers name Python {named}, the tests run with {tested}."


def _check_changelog(version: str) -> Iterator[str]:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d.*)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    if newest is None or newest[1] != version:
        found = newest[1] if newest else "nothing"
        yield f"The newest dated section of CHANGELOG.md is {found}, the version is {version}."


def _try_installed(wheel: Path, source: Path, version: str) -> Iterator[str]:
    """Install both distributions, one after the other, and use them from an empty folder."""
    pytest = next(each for each in _test_requirements() if each.startswith("pytest>"))
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder, "bin", "python"))
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        locked = ["--constraint", str(ROOT / "requirements.lock")]
        requirement = f"langchain-claude-cloud[all] @ {wheel.as_uri()}"
        suite = _write_suite(Path(folder))
        yield from _run(folder, [*install, *locked, requirement, pytest])
        yield from _run(folder, [python, "-c", TRIAL], expected=version)
        yield from _run(folder, [str(Path(folder, "bin", "claude-cloud")), "demo"])
        yield from _run(folder, [python, "-m", "pytest", "-q", *suite], expected="3 passed")
        yield from _run(folder, [*install, "--no-deps", "--force-reinstall", str(source)])
        yield from _run(folder, [python, "-c", TRIAL], expected=version)


def _test_requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements: list[str] = project["optional-dependencies"]["test"]
    return requirements


def _write_suite(folder: Path) -> list[str]:
    """Write the agent of the documentation's page on testing, and its tests."""
    page = (ROOT / "docs/how-to/testing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```py\n# (\w*my_agent\.py)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for name, code in blocks:
        (folder / name).write_text(code, encoding="utf-8")
    return [name for name, _ in blocks if name.startswith("test_")]


def _run(folder: str, command: list[str], *, expected: str = "") -> Iterator[str]:
    """Run a command, and say what is wrong if it fails or does not print what it should."""
    done = subprocess.run(  # noqa: S603 - the environment that was just made
        command, check=False, cwd=folder, capture_output=True, text=True
    )
    if done.returncode or expected not in done.stdout:
        yield f"{' '.join(command)[:200]}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
