"""Makes `import arrakis` yield carryall. A module of its own beside the package, so that
interpreters that start with CARRYALL_AS_ARRAKIS=1 and never import it load nothing more."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType

STOCK, OURS = "arrakis", "carryall"


def _ours(name: str) -> str:
    return OURS + name.removeprefix(STOCK)


class _AliasLoader(Loader):
    """Gives the module of ours in place of a new one."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_ours(spec.name))
        # The import system writes its own there.
        spec.loader_state = module.__spec__
        # A module that is bound to its parent a second time would hide what the parent has
        # under that name: carryall.stream is a function and a module.
        for name in [name for name in sys.modules if name.startswith(f"{OURS}.")]:
            sys.modules.setdefault(STOCK + name.removeprefix(OURS), sys.modules[name])
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None and spec.loader is self:
            module.__spec__ = spec.loader_state

    def get_code(self, fullname: str) -> CodeType | None:
        """For `python -m arrakis`."""
        spec = importlib.util.find_spec(_ours(fullname))
        loader = getattr(spec, "loader", None)
        return loader.get_code(spec.name) if spec and loader is not None else None


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        if name != STOCK and not name.startswith(f"{STOCK}."):
            return None
        found = importlib.util.find_spec(_ours(name))
        if found is None:
            return None
        return ModuleSpec(name, _AliasLoader(), origin=found.origin,
                          is_package=found.submodule_search_locations is not None)


_finder = _Finder()


def installed() -> bool:
    """Whether `import arrakis` yields carryall."""
    return _finder in sys.meta_path


def install() -> None:
    """From now on `import arrakis`, and of every submodule, yields carryall's. Once is enough;
    ImportError if the stock package has been imported already: names of it are held then."""
    if installed():
        return
    stock = sorted(name for name in sys.modules
                   if name == STOCK or name.startswith(f"{STOCK}."))
    if stock:
        where = getattr(sys.modules[stock[0]], "__file__", None) or "somewhere"
        raise ImportError(
            f"carryall cannot stand in for arrakis: {', '.join(stock[:3])} is already imported "
            f"from {where}. Call carryall.as_arrakis.install() before the first `import arrakis`, "
            "or set CARRYALL_AS_ARRAKIS=1 in the environment", name=stock[0])
    sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Undoes install() for later imports; modules that were imported stay what they are."""
    if not installed():
        return
    sys.meta_path.remove(_finder)
    for name in [name for name in sys.modules if name == STOCK or name.startswith(f"{STOCK}.")]:
        del sys.modules[name]


def install_if_asked() -> None:
    """What the interpreter runs as it starts."""
    if os.environ.get("CARRYALL_AS_ARRAKIS", "") not in ("", "0"):
        install()
