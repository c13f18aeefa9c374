"""Build hook: compiles the reader with mypyc into the wheel, where HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 asks for it.

Without it the wheel, like the editable install, is pure Python and needs no C compiler. The wheel holds the Python
files of what is compiled as well. All is made in a temporary folder: no compiled file ever lies among the sources,
where it would be run instead of what they have become since.
"""  # noqa: INP001 - a build hook, no package

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "cds_service"
# members of a vocabulary are looked up by the reader all the time, which only its own modules do at once
MODULES = (f"{PACKAGE}/domain/vocabulary.py", f"{PACKAGE}/reading/*.py")
GROUP = f"{PACKAGE}_reading"
SETUP = """
from mypyc.build import mypycify
from setuptools import setup

modules = mypycify({arguments!r}, opt_level="3", debug_level="0", group_name={group!r})
setup(name={group!r}, packages=[], ext_modules=modules)
"""


class CompiledReading(BuildHookInterface[BuilderConfig]):
    """Adds the compiled modules to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tell the builder which files belong to the wheel and that it is one for this platform."""
        if version != "standard":
            # an editable install runs the sources
            return
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        for extension in compiled(Path(self.root), folder):
            build_data["force_include"][str(extension)] = extension.relative_to(folder).as_posix()
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Take the temporary folder away."""
        if version == "standard":
            self._folder.cleanup()


def compiled(root: Path, folder: Path) -> list[Path]:
    """Compile the modules of the sources at ``root`` in another folder; return the extensions made there."""
    shutil.copytree(root / PACKAGE, folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    sources = sorted(path for pattern in MODULES for path in folder.glob(pattern) if path.name != "__init__.py")
    arguments = ["--ignore-missing-imports", *(path.relative_to(folder).as_posix() for path in sources)]
    (folder / "setup.py").write_text(SETUP.format(arguments=arguments, group=GROUP), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the reader was not compiled:\n{done.stdout[-4000:]}")
    return sorted(path for kind in ("*.so", "*.pyd") for path in (*folder.glob(kind), *(folder / PACKAGE).rglob(kind)))
