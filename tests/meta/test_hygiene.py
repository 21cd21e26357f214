"""The source keeps its house rules."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import unseen

SOURCE = Path(unseen.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
IDS = [str(path.relative_to(SOURCE)) for path in FILES]

#: What a rule forbids, and a line that must trip it.
FORBIDDEN = {
    "a note to do later": (r"\b(TODO|FIXME|XXX)\b", "x = 1  # " + "TODO mend"),
    "pickle": (r"\b(import|from) (pickle|cPickle|dill|cloudpickle|shelve|marshal)\b", "import " + "pickle"),
    "torch.load": (r"\btorch\.load\(", "torch." + "load(path)"),
    "joblib": (r"\bjoblib\b", "joblib." + "load(path)"),
    "unsafe YAML": (r"\byaml\.(load|full_load|unsafe_load)(_all)?\(", "yaml." + "load(text)"),
    "numpy pickles": (r"allow_pickle\s*=\s*True", "np.load(p, allow_pickle" + "=True)"),
    "eval or exec": (r"(?<![\w.])(eval|exec)\(", "eval" + "(text)"),
    "a shell": (r"shell\s*=\s*True|\bos\.system\(", "run(c, shell" + "=True)"),
    "a machine's path": (r"[\"'](/(home|root|Users|work|mnt|tmp)/|[A-Z]:\\\\)", "p = '" + "/home/me/x'"),
    "print to debug": (r"^\s*(breakpoint\(|import pdb)", "breakpoint" + "()"),
}


@pytest.mark.parametrize("rule", list(FORBIDDEN))
def test_rule_can_be_broken(rule: str) -> None:
    pattern, example = FORBIDDEN[rule]
    assert re.search(pattern, example, re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_file_keeps_the_rules(path: Path) -> None:
    text = path.read_text("utf-8")
    broken = [rule for rule, (pattern, _) in FORBIDDEN.items() if re.search(pattern, text, re.MULTILINE)]
    assert broken == []
    assert len(text.splitlines()) <= 450
    assert text.startswith('"""') or not text.strip()


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_nothing_asserts(path: Path) -> None:
    # python -O removes assertions, so nothing may rest on them.
    lines = [node.lineno for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Assert)]
    assert lines == []


def undocumented(tree: ast.Module) -> list[str]:
    """Return public functions, classes and methods without a docstring."""
    found = []

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
                alternative = any(isinstance(by, ast.Name) and by.id == "overload" for by in node.decorator_list)
                if not alternative and not ast.get_docstring(node):
                    found.append(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    walk(node.body, f"{prefix}{node.name}.")

    walk(tree.body, "")
    return found


def test_undocumented_functions_are_found() -> None:
    tree = ast.parse(
        "class A:\n    'x'\n    def f(self): pass\ndef g(): pass\ndef _h(): pass\n@overload\ndef i(): ...\n"
    )
    assert undocumented(tree) == ["A.f", "g"]


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_public_functions_are_documented(path: Path) -> None:
    assert undocumented(ast.parse(path.read_text("utf-8"))) == []
