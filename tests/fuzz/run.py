"""Coverage-guided fuzzing of everything that reads bytes of others, under AddressSanitizer. docs/fuzzing.md says what it does.

    python tests/fuzz/run.py --seconds 60                 every target for a minute
    python tests/fuzz/run.py --seconds 600 --only stream  those whose name contains the word
    python tests/fuzz/run.py --repeat build/fuzz/found/…  one input again

Builds the extensions with Clang into build/fuzz (a copy of src; the tree's own extensions are not touched), one target after the
other. Exit status 1 when one of them found something.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "fuzz"
PYTHON = HOME / "venv" / "bin" / "python"
SOURCES = HOME / "src"
PACKAGES = [
    "atheris>=3.0",
    "Cython>=3.1,<4",
    "setuptools>=77",
    "msgspec>=0.19",
    "orjson>=3.10",
    "httptools>=0.7.1",
    "structlog>=25.1",
]
SANITIZE = "-fsanitize=address,fuzzer-no-link -fno-omit-frame-pointer"
# CPython's own objects are never freed, and its pools would hide overruns of a bytes object from the sanitizer.
ENVIRON = {"ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1", "PYTHONMALLOC": "malloc", "PYTHONDONTWRITEBYTECODE": "1"}
LARGEST_INPUT = 8192


class Result(NamedTuple):
    name: str
    seconds: float
    executions: int
    edges: int
    found: list[Path]
    status: int


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def build() -> None:
    """The environment, and the extensions whose sources changed."""
    clang = os.environ.get("CC", "clang")
    if shutil.which(clang) is None:
        raise SystemExit(f"{clang} does not run; Debian, Ubuntu: sudo apt install clang libclang-rt-14-dev")
    if not (HOME / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", str(HOME / "venv")], check=True)
        subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True)
        (HOME / "installed").touch()
    changed = [
        path for path in (ROOT / "src").rglob("*") if path.suffix in (".py", ".pyx", ".pxd", ".bin", ".json") and _copy(path)
    ]
    stamp = HOME / "built"
    headers = any(path.suffix == ".pxd" for path in changed)
    compiled = [path for path in sorted(SOURCES.rglob("*.pyx")) if headers or not any(path.parent.glob(f"{path.stem}.*.so"))]
    compiled += [copy for path in changed if path.suffix == ".pyx" and (copy := _target(path)) not in compiled]
    if compiled:
        stamp.unlink(missing_ok=True)
        say(f"Building {len(compiled)} extensions with {clang}")
        flags = f"-O1 -g {SANITIZE}"
        environ = os.environ | {"CC": clang, "CFLAGS": flags, "LDFLAGS": SANITIZE, "LDSHARED": f"{clang} -shared {SANITIZE}"}
        command = [str(PYTHON), "-m", "Cython.Build.Cythonize", "-i", "-3", "-q", "-f", *map(str, compiled)]
        with (HOME / "build.log").open("wb") as log:
            if subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, cwd=SOURCES, env=environ, check=False).returncode:
                raise SystemExit(f"the extensions cannot be built, see {HOME / 'build.log'}")
        stamp.touch()


def _target(path: Path) -> Path:
    return SOURCES / path.relative_to(ROOT / "src")


def _copy(path: Path) -> bool:
    """Whether the copy had to be made anew."""
    target = _target(path)
    data = path.read_bytes()
    if target.exists() and target.read_bytes() == data:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return True


def environ() -> dict[str, str]:
    """The sanitizer's run time has to be there before the interpreter."""
    site = next((HOME / "venv" / "lib").glob("python*/site-packages"))
    known = {"PYTHONPATH": f"{SOURCES}{os.pathsep}{ROOT / 'tests'}", "LD_PRELOAD": str(site / "asan_with_fuzzer.so")}
    return os.environ | ENVIRON | known


def names() -> list[str]:
    """All targets; also writes the seeds, and the dictionary of words that occur in them."""
    script = "import fuzz.seeds, sys; fuzz.seeds.write(sys.argv[1])"
    done = subprocess.run([str(PYTHON), "-c", script, str(HOME)], check=True, capture_output=True, text=True, env=environ())
    return done.stdout.split()


def fuzz(name: str, seconds: int) -> Result:
    corpus, seeds, found = HOME / "corpus" / name, HOME / "seeds" / name, HOME / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    before = set(found.iterdir())
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LARGEST_INPUT}",
        f"-artifact_prefix={found}/{name}-",
        f"-dict={HOME / 'words.dict'}",
        "-print_final_stats=1",
        "-rss_limit_mb=3000",
        "-timeout=20",
        "-reload=0",
    ]
    log = HOME / f"{name}.log"
    begun = time.monotonic()
    with log.open("wb") as out:
        command = [str(PYTHON), str(ROOT / "tests" / "fuzz" / "target.py"), name, *options, str(corpus), str(seeds)]
        status = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=environ(), cwd=HOME, check=False).returncode
    text = log.read_text(errors="replace")
    executions = re.findall(r"number_of_executed_units: (\d+)", text) or re.findall(r"^#(\d+)", text, re.MULTILINE) or ["0"]
    edges = re.findall(r" cov: (\d+)", text) or ["0"]
    made = sorted(path for path in found.iterdir() if path not in before and path.name.startswith(f"{name}-"))
    return Result(name, time.monotonic() - begun, int(executions[-1]), int(edges[-1]), made, status)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Fuzz the decoders.")
    parser.add_argument("--seconds", type=int, default=60, help="per target (default 60)")
    parser.add_argument("--only", help="targets whose names contain this")
    parser.add_argument("--keep", action="store_true", help="do not look for changed sources")
    parser.add_argument("--repeat", type=Path, help="run one found input again (its name begins with the target's)")
    options = parser.parse_args(arguments)
    if not options.keep:
        build()
    known = names()
    if options.repeat is not None:
        name = max((name for name in known if options.repeat.name.startswith(f"{name}-")), key=len)
        command = [str(PYTHON), str(ROOT / "tests" / "fuzz" / "target.py"), name, str(options.repeat.resolve())]
        return subprocess.run(command, env=environ(), check=False).returncode
    failed = False
    for name in known:
        if options.only and options.only not in name:
            continue
        done = fuzz(name, options.seconds)
        failed = failed or bool(done.found) or done.status != 0
        verdict = "clean" if not done.found and done.status == 0 else f"FAILED (exit {done.status}), see build/fuzz/{name}.log"
        say(f"{name:28} {done.seconds:5.0f} s {done.executions:>10} runs {done.edges:>6} edges  {verdict}")
        for path in done.found:
            say(f"    {path.relative_to(ROOT)}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
