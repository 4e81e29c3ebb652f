"""`tools/environment.py` makes the virtual environment once, whole, and from the lock file only."""

import importlib.util
import re
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from tools.environment import SetupError, check_python, ensure_environment, is_ready


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 10)])
def test_an_old_python_is_refused_in_one_line(version: tuple[int, int]) -> None:
    with pytest.raises(SetupError, match=r"Python 3\.11 or newer is needed, \S+ is ") as refusal:
        check_python(version)
    assert ".".join(map(str, version)) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_that_cannot_make_environments_is_refused_in_one_line(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_spec(name: str) -> ModuleSpec | None:
        return None if name == missing else ModuleSpec(name, None)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with pytest.raises(SetupError, match=rf"has no module {missing}; .* apt-get install python3-venv$"):
        check_python((3, 11))


@pytest.mark.parametrize("version", [(3, 11), (3, 14), (4, 0)])
def test_a_new_python_is_accepted(version: tuple[int, int]) -> None:
    check_python(version)


def test_an_environment_is_whole_or_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("pulumi\n")  # a name without a version and a hash
    with pytest.raises(SetupError, match=r"(?s)pip failed; .*--require-hashes"):
        ensure_environment(tmp_path)
    assert not is_ready(tmp_path)

    lock.write_text("# nothing\n")
    ensure_environment(tmp_path)
    assert is_ready(tmp_path)
    assert re.search(r"installing 0 Python packages.*\n(.*\n)*environment: ready in \d+ s", capsys.readouterr().err)

    ensure_environment(tmp_path)
    assert capsys.readouterr().err == ""

    lock.write_text("# still nothing\n")
    assert not is_ready(tmp_path)
    lock.write_text("# nothing\n")
    (tmp_path / ".venv" / "bin" / "python").unlink()
    assert not is_ready(tmp_path)
