"""Every fenced block of README, CONTRIBUTING and docs is run, loaded or parsed.

On a page, blocks run one after another in one folder that holds a copy of ``examples/``: `python` blocks in one
namespace, `sh` blocks in bash. A line ``expression  # → value`` of a `python` block must have that value. `yaml` blocks
must load as a vocabulary. `text` blocks are not run, but a line that starts with ``unseen`` must be a command that
parses.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.docs.pages import PAGES, ROOT, Block, blocks, name_of

import unseen
from unseen.errors import VocabularyError
from unseen.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a fence may say it holds, and what happens to it.
LANGUAGES = {"python": "run", "sh": "run", "yaml": "loaded", "text": "parsed", "csv": "written"}

#: Pages with nothing to run, on purpose.
NOTHING_TO_RUN = {
    "docs/decisions/README.md",
    "docs/decisions/0001-vocabulary-is-a-folder.md",
    "docs/decisions/0002-worker-decodes-and-encodes.md",
    "docs/decisions/0003-text-cache-in-sqlite.md",
    "docs/decisions/0004-jinja2-for-reports.md",
    "docs/decisions/0005-prototypes-are-not-array-like.md",
    "docs/decisions/0006-own-image-format-list.md",
    "docs/decisions/0007-the-default-bridge.md",
    "docs/decisions/0008-names-are-looked-up.md",
    "docs/decisions/0009-unknown-against-what-was-seen.md",
    "docs/decisions/0010-rooms-beside-the-design.md",
    "docs/decisions/0011-vectorised-resampling.md",
    "docs/decisions/0012-summaries-shared-by-fits.md",
    "docs/decisions/0013-the-automatic-choice.md",
    "docs/decisions/0014-the-test-part-behind-one-door.md",
    "docs/decisions/0015-remedies-act-on-scores.md",
    "docs/decisions/0016-own-reader-of-matlab-files.md",
    "docs/decisions/0017-a-manifest-decides-what-counts.md",
    "docs/decisions/0018-models-of-hubs-from-files-only.md",
    "docs/decisions/0019-exported-networks-are-verified.md",
    "docs/decisions/0020-association.md",
    "docs/decisions/0021-made-up-examples.md",
}

README_COMMAND = "unseen classify examples/photos --classes examples/classes.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a copy of ``examples/`` and an ``unseen`` command, and go there."""
    examples = ROOT / "examples"
    assert (examples / "classes.yaml").is_file(), "examples/classes.yaml is missing"
    work = tmp_path / "work"
    work.mkdir()
    shutil.copytree(examples, work / "examples")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    shim = bin_ / "unseen"
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m unseen "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}{os.pathsep}{os.environ['PATH']}")
    package = str(Path(unseen.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])))
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.chdir(work)
    return work


def run_sh(text: str, address: str) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{address}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr, f"{address}:\n{done.stderr}"


def run_python(block: Block, namespace: dict[str, Any]) -> None:
    lines = block.text.splitlines()
    tree = ast.parse("\n" * (block.line - 1) + block.text, filename=block.address)
    for statement in tree.body:
        code: Any = ast.Module([statement], [])
        _, arrow, expected = lines[(statement.end_lineno or 0) - block.line].partition("  # → ")
        if not arrow:
            exec(compile(code, block.address, "exec"), namespace)  # noqa: S102  these are our own pages
            continue
        address = f"{name_of(block.page)}:{statement.lineno}"
        assert isinstance(statement, ast.Expr), f"{address}: only an expression has a value"
        value = eval(compile(ast.Expression(statement.value), address, "eval"), namespace)  # noqa: S307
        assert repr(value) == expected.strip(), address


def load_yaml(block: Block, folder: Path) -> None:
    path = folder / (block.file or "unnamed.yaml")
    path.write_text(block.text, "utf-8")
    if block.wrong:
        with pytest.raises(VocabularyError, match=re.escape(path.name)):
            Vocabulary.load(path)
    else:
        assert len(Vocabulary.load(path)), block.address


def installs(page: Path) -> bool:
    """Whether a page's `sh` blocks install things; they are looked at by tests of their own."""
    return name_of(page) in {"README.md", "CONTRIBUTING.md"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {"__name__": "page"}
    ran = 0
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{block.address}: {block.language!r} is not one of {', '.join(LANGUAGES)}"
        if block.language == "python":
            run_python(block, namespace)
        elif block.language == "sh" and not installs(page):
            run_sh(block.text, block.address)
        elif block.language == "yaml":
            load_yaml(block, folder)
        elif block.file is not None:
            (folder / block.file).write_text(block.text, "utf-8")
        ran += block.language in {"python", "sh"}
    assert bool(ran) is (name_of(page) not in NOTHING_TO_RUN)
    capsys.readouterr()


# -- commands that are shown and not run ----------------------------------------------------------------------


def shown_commands() -> Iterator[Any]:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "text":
                for i, line in enumerate(block.text.splitlines()):
                    if line.startswith("unseen ") and "[OPTIONS]" not in line:
                        yield pytest.param(line, id=f"{name_of(page)}:{block.line + i}")


def parse(line: str) -> None:
    """Parse a command as the command line would; raises where it would complain."""
    from typer.main import get_command

    from unseen.cli.app import app

    words = shlex.split(line, comments=True)
    ends = [i for i, word in enumerate(words) if word in {">", ">>", "|", "&&", "||"}]
    command: Any = get_command(app)
    words = words[1 : min(ends, default=len(words))]
    while hasattr(command, "commands"):
        assert words, f"{line}: names no command"
        assert words[0] in command.commands, f"{line}: there is no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    command.make_context("unseen", words)


@pytest.mark.parametrize("line", list(shown_commands()))
def test_shown_command_parses(line: str) -> None:
    parse(line)


def test_there_are_shown_commands() -> None:
    assert len(list(shown_commands())) >= 5


@pytest.mark.parametrize(
    "line", ["unseen clasify a -c b", "unseen classify a -c b --reprot r.html", "unseen classify a"]
)
def test_a_wrong_command_does_not_parse(line: str) -> None:
    with pytest.raises(Exception, match=r"clasify|reprot|classes"):
        parse(line)


# -- the blocks that install ----------------------------------------------------------------------------------


def sh_blocks(page: str) -> list[Block]:
    return [block for block in blocks(ROOT / page) if block.language == "sh"]


def test_readme_has_two_sh_blocks() -> None:
    first, second = sh_blocks("README.md")
    assert ".venv/bin/pip install -q . " in first.text
    assert README_COMMAND in first.text
    assert ".venv/bin/pytest" in second.text


def test_the_first_command_of_the_readme_works(folder: Path) -> None:
    steps = [step.strip() for step in sh_blocks("README.md")[0].text.split("&&")]
    command = steps[-1].removeprefix(".venv/bin/")
    assert command.startswith(README_COMMAND)
    run_sh(command, "README.md")
    assert (folder / "results.csv").read_text("utf-8").startswith("item,rank,name,probability,unknown,error\n")
    assert "<html" in (folder / "report.html").read_text("utf-8")


def test_ci_runs_the_second_block_of_the_readme() -> None:
    ci = ROOT / ".ci" / "run"
    found = re.search(r"awk '([^']+)' README\.md", ci.read_text("utf-8"))
    assert found is not None, ".ci/run takes its test command from README.md with awk"
    done = subprocess.run(["awk", found[1], "README.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == sh_blocks("README.md")[1].text.strip()


def test_contributing_sets_up_what_pyproject_offers() -> None:
    import tomllib

    (block,) = sh_blocks("CONTRIBUTING.md")
    (extras,) = re.findall(r'-e "\.\[([a-z,]+)\]"', block.text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert (ROOT / "constraints.txt").is_file()
    assert "-c constraints.txt" in block.text


def test_nothing_to_run_names_pages() -> None:
    assert {name_of(page) for page in PAGES} >= NOTHING_TO_RUN
