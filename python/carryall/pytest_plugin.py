"""Fixtures for tests of programs that speak with an Arrakis server. Loaded by pytest wherever
the package is installed; it imports nothing else before a fixture is used.

carryall_server     a server for the whole session, of the channels of carryall_channel_files;
                    `.url`, `.client()`
carryall_client     a Client of it
arrakis_env         the same server as ARRAKIS_SERVER for the duration of a test
carryall_mock       starts servers of channel files, with faults when asked for
carryall_archive    starts servers of archives, made of files, in directories of their own
carryall_channel_files
                    the channel files of carryall_server; override it to have other channels"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from carryall import Client
    from carryall.testing import Server


@pytest.fixture(scope="session")
def carryall_channel_files() -> tuple[str, ...]:
    """None: the server's own channels."""
    return ()


@pytest.fixture(scope="session")
def carryall_server(carryall_channel_files: tuple[str, ...]) -> Iterator[Server]:
    """A server for the whole session."""
    from carryall import testing
    with testing.mock(*carryall_channel_files) as server:
        yield server


@pytest.fixture
def carryall_client(carryall_server: Server) -> Iterator[Client]:
    """A client of the session's server."""
    with carryall_server.client() as client:
        yield client


@pytest.fixture
def arrakis_env(carryall_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The session's server, which ARRAKIS_SERVER names meanwhile."""
    monkeypatch.setenv("ARRAKIS_SERVER", carryall_server.url)
    return carryall_server


@pytest.fixture
def carryall_mock() -> Iterator[Callable[..., Server]]:
    """carryall.testing.mock, whose servers end with the test."""
    yield from _starter("mock")


@pytest.fixture
def carryall_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """carryall.testing.archive with a directory of its own: called with the files to import."""
    def directory() -> os.PathLike[str]:
        return tmp_path_factory.mktemp("archive")

    yield from _starter("archive", directory)


def _starter(name: str, *first: Callable[[], Any]) -> Iterator[Callable[..., Server]]:
    from carryall import testing
    running: list[Server] = []

    def start(*arguments: Any, **options: Any) -> Server:
        server: Server = getattr(testing, name)(*(make() for make in first), *arguments,
                                                **options)
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()
