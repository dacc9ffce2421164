"""Where the command starts: a missing extra, what it writes to is full or gone, both names of the command."""

import signal
import subprocess
import sys

import pytest

import oobpickle
from tests.cli.commands import ENVIRONMENT, OOBPICKLE, run, run_code
from tests.until import until


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_a_missing_extra_is_told_with_what_to_install(missing):
    done = run_code(f"import sys; sys.modules[{missing!r}] = None; from oobpickle.cli.main import run; run()")
    assert done.returncode == 1
    assert f"needs {missing}" in done.stderr
    assert "pip install 'oobpickle[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_of_our_own_is_not_taken_for_a_missing_extra():
    done = run_code("import sys; sys.modules['oobpickle.demo'] = None; from oobpickle.cli.main import run; run()")
    assert "Traceback" in done.stderr


def test_the_library_needs_no_extra():
    done = run_code("import sys; sys.modules['typer'] = sys.modules['rich'] = None; import oobpickle")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_console_script_is_the_same():
    done = run_code("import sys; sys.argv = ['oobpickle', '--version']; from oobpickle.cli.main import run; run()")
    assert (done.returncode, done.stdout) == (0, f"oobpickle {oobpickle.__version__}\n")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["demo", "--seconds", "0.1"]], ids=" ".join)
def test_a_full_disk_under_the_output(arguments):
    with open("/dev/full", "w") as full:
        done = run(*arguments, stdout=full)
    assert (done.returncode, done.stderr) == (1, "oobpickle: No space left on device\n")


def test_a_reader_that_goes_away():
    with subprocess.Popen(
        [*OOBPICKLE, "demo", "--seconds", "0.1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's way of closing")
def test_no_output_at_all():
    line = " ".join([*OOBPICKLE, "--version", ">&-"])
    done = subprocess.run(["sh", "-c", line], env=ENVIRONMENT, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="there a process is ended without being asked")
@pytest.mark.parametrize(
    "arguments",
    [
        ["proxy", "ipc://in", "ipc://out"],
        ["pub", "ipc://out", "topic", "given"],
        ["tail", "ipc://out", "--bind"],
        ["bench", "--size", "1MB", "--rounds", "1000", "--transport", "ipc", "--peer", "oobpickle"],
        ["demo", "--seconds", "15"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_one_that_is_asked_to_end_leaves_no_file(arguments, tmp_path):
    (tmp_path / "given").write_text("x")
    environment = ENVIRONMENT | {"TMPDIR": str(tmp_path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([*OOBPICKLE, *arguments], cwd=tmp_path, env=environment, **pipes) as process:
        try:
            until(lambda: any(path.is_socket() for path in tmp_path.rglob("*")), 60)
            said = process.stdout.readline() if "ipc://out" in arguments else ""  # that it is about to wait
            process.terminate()
            said += process.communicate(timeout=60)[0]
        finally:
            process.kill()
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["given"]
