"""Building against an installed Arrow: its CMake packages are found and used.

No registry has an installed Arrow C++, so a prefix is made of the wheel's libraries and of
packages with the names and targets that Arrow's own have. Only the configuration is run.
"""

import pathlib
import subprocess

import pytest

from harness import servers

PACKAGES = {"Arrow": ("Arrow::arrow_shared", "arrow"),
            "ArrowFlight": ("ArrowFlight::arrow_flight_shared", "arrow_flight"),
            "Parquet": ("Parquet::parquet_shared", "parquet")}
PYTHON = servers.ROOT / ".venv/bin/python"


def ask(expression):
    asked = subprocess.run([PYTHON, "-c", f"import pyarrow; print({expression})"],
                           capture_output=True, text=True, check=True)
    return asked.stdout.strip()


@pytest.fixture
def prefix(tmp_path):
    wheel = pathlib.Path(ask("pyarrow.__file__")).parent
    version = ask("pyarrow.cpp_version")
    include = tmp_path / "prefix/include"
    include.parent.mkdir()
    include.symlink_to(wheel / "include")
    for package, (target, stem) in PACKAGES.items():
        [library] = wheel.glob(f"lib{stem}.so.*00")
        folder = tmp_path / "prefix/lib/cmake" / package
        folder.mkdir(parents=True)
        (folder / f"{package}Config.cmake").write_text(
            f"add_library({target} SHARED IMPORTED)\n"
            f"set_target_properties({target} PROPERTIES IMPORTED_LOCATION {library}\n"
            f"  INTERFACE_INCLUDE_DIRECTORIES {include})\n")
        (folder / f"{package}ConfigVersion.cmake").write_text(
            f"set(PACKAGE_VERSION {version})\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\n")
    return tmp_path / "prefix"


def configure(tmp_path, *options):
    return subprocess.run(
        ["cmake", "-S", servers.ROOT, "-B", tmp_path / "build", "-G", "Ninja",
         "-DCARRYALL_ARROW=system", *options], capture_output=True, text=True, timeout=120)


def test_an_installed_arrow_is_used_where_asked_for(tmp_path, prefix):
    done = configure(tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}",
                     f"-DCARRYALL_VENV_PYTHON={PYTHON}")
    assert done.returncode == 0, done.stderr
    assert f"from {prefix}/lib/cmake/Arrow" in done.stdout
    commands = (tmp_path / "build/compile_commands.json").read_text()
    assert f"-isystem {prefix}/include" in commands


def test_an_arrow_that_is_not_pyarrows_is_refused(tmp_path, prefix):
    (prefix / "lib/cmake/Arrow/ArrowConfigVersion.cmake").write_text(
        "set(PACKAGE_VERSION 1.2.3)\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\n")
    done = configure(tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}",
                     f"-DCARRYALL_VENV_PYTHON={PYTHON}")
    assert done.returncode != 0
    assert "1.2.3" in done.stderr and "both would be in one process" in " ".join(
        done.stderr.split())
