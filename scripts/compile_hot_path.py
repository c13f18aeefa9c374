"""Build hook: compiles the reader, what runs the rules and what writes the cards with mypyc into the wheel.

It does so where HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 asks for it.
Without it the wheel, like the editable install, is pure Python and needs no C compiler. The wheel holds the Python
files of what is compiled as well. All is made in a temporary folder: no compiled file ever lies among the sources,
where it would be run instead of what they have become since.
"""  # noqa: INP001 - a build hook, no package

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGES: Final = ("cds_service", "cards")
# What runs the rules, sorts the facts for them and plans the cards: a quarter less time. The rules and the rows of the
# tables themselves stay in Python: a compiled function has no docstring, and theirs are the clinical sentences. No
# member of these classes is Final, since a compiled class does not let its initialiser set such a one.
RUNNING_THE_RULES: Final = (
    "arbitration", "asking", "context", "derive", "drafts", "engine", "fitting", "history", "levels", "lines", "lookup",
    "measured", "ordering", "planning", "polarity", "reports", "rule", "series", "shown", "suppression", "unread",
    "orders/chart",
)  # fmt: skip
# Each group becomes one library; calls within one are quickest, and the groups are compiled side by side. Members of a
# vocabulary are looked up by the reader all the time, which only its own library does at once. Facts and conclusions
# (cds_service/domain) stay in Python: most of what reads them does, and reads members of Python classes faster.
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "marrow_reading": ("cds_service/domain/vocabulary.py", "cds_service/reading/*.py"),
    "marrow_rules": tuple(f"cds_service/rules/{name}.py" for name in RUNNING_THE_RULES),
    "marrow_cards": ("cards/*.py",),
}
LEFT_OUT: Final = frozenset(
    {
        # models of pydantic, which makes its classes itself
        "cards/catalogue.py", "cards/order_file.py", "cards/protocol.py", "cards/text_file.py",
        # dataclasses with final members, which a compiled class does not let them set
        "cards/model.py",
        # read once at start, or written outside of calls
        "cards/notices.py",
    }
)  # fmt: skip
SETUP: Final = """
from mypyc.build import mypycify
from setuptools import setup

groups = {groups!r}
options = ["--ignore-missing-imports", *(file for files in groups.values() for file in files)]
separate = [(files, name) for name, files in groups.items()]
modules = mypycify(options, opt_level="3", debug_level="0", separate=separate)
side_by_side = {{"build_ext": {{"parallel": True}}}}
setup(name="marrow_hot_path", packages=[], ext_modules=modules, options=side_by_side)
"""


class CompiledHotPath(BuildHookInterface[BuilderConfig]):
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


def modules_of(root: Path) -> dict[str, list[str]]:
    """Return the files that are compiled, by group, relative to the sources at ``root``."""
    found = {
        name: sorted(path.relative_to(root).as_posix() for pattern in patterns for path in root.glob(pattern))
        for name, patterns in GROUPS.items()
    }
    return {
        name: [file for file in files if not file.endswith("__init__.py") and file not in LEFT_OUT]
        for name, files in found.items()
    }


def compiled(root: Path, folder: Path) -> list[Path]:
    """Compile the modules of the sources at ``root`` in another folder; return the extensions made there."""
    for package in PACKAGES:
        shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "setup.py").write_text(SETUP.format(groups=modules_of(folder)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the hot path was not compiled:\n{done.stdout[-4000:]}")
    made = [path for kind in ("*.so", "*.pyd") for path in folder.glob(kind)]
    return sorted(
        made + [path for package in PACKAGES for kind in ("*.so", "*.pyd") for path in (folder / package).rglob(kind)]
    )
