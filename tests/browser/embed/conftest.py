"""The package of npm, packed and bundled as a site does it, where npm is there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

EMBED = Path(__file__).parents[3] / "embed"
PACKAGES = ("react@19", "react-dom@19", "vue@3", "esbuild@0.25")
Bundle = Callable[[str, str], str]


def npm() -> str:
    program = shutil.which("npm")
    if program is None:
        pytest.skip("npm is not installed, so the package @askfirst/embed is not tried.")
    return program


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `npm pack` makes. It copies files into the folder, so it works on a copy of it."""
    program, copy = npm(), tmp_path_factory.mktemp("askfirst")
    shutil.copytree(EMBED, copy / "embed")
    shutil.copytree(EMBED.parent / "webapp" / "static" / "embed", copy / "webapp/static/embed")
    shutil.copy(EMBED.parent / "LICENSE", copy)
    run = [program, "pack", "--silent"]
    made = subprocess.run(run, cwd=copy / "embed", check=True, capture_output=True, text=True)
    return copy / "embed" / made.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def bundle(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Bundles a module with React, Vue and the package. None of them is part of this repository."""
    folder = tmp_path_factory.mktemp("app")
    flags = ("--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0")
    order = [npm(), "install", *flags, "--fetch-timeout=20000", str(packed), *PACKAGES]
    installed = subprocess.run(order, cwd=folder, capture_output=True, check=False)
    if installed.returncode:
        pytest.skip("npm could not load React, Vue and esbuild.")

    def bundled(source: str, name: str) -> str:
        (folder / name).write_text(source, "utf-8")
        flags = ("--bundle", "--jsx=automatic", "--define:__VUE_OPTIONS_API__=true")
        alias = "--alias:vue=vue/dist/vue.esm-bundler.js"
        program = folder / "node_modules" / ".bin" / "esbuild"
        made = subprocess.run(
            [str(program), name, *flags, alias], cwd=folder, check=True, capture_output=True
        )
        return made.stdout.decode()

    return bundled
