"""Section 7.8: actions, as far as they need no authentication."""

import json

import pytest
from pyarrow import flight

from harness import wire

INFO_KEYS = {"server_version", "arrakis_version", "arrakis_schema_version", "backend",
             "backend_version", "capabilities", "domains", "auth", "auth_mode", "auth_methods"}


@pytest.mark.case("A1")
def test_server_info(server):
    info = server.action("server-info")
    assert set(info) == INFO_KEYS
    for key in ("server_version", "arrakis_version", "backend_version"):
        assert isinstance(info[key], str) and info[key]
    assert info["arrakis_schema_version"] == "0.5.0"
    assert info["backend"] == "mock"
    assert info["capabilities"] == ["find", "count", "describe", "stream"]
    assert info["domains"] == ["X1", "Y1", "Z1"]
    assert (info["auth"], info["auth_mode"], info["auth_methods"]) == (False, None, None)


@pytest.mark.case("A1")
def test_body_of_an_action_is_ignored(server):
    junk = flight.Action("server-info", b"\xffjunk")
    (result,) = server.connection.do_action(junk)
    assert set(json.loads(result.body.to_pybytes())) == INFO_KEYS


@pytest.mark.case("A2")
def test_scope_map_of_a_server_of_its_own(server):
    answer = server.action("scope-map")
    local = wire.REUSE.decode()
    assert answer["local_endpoint"] == local
    assert set(answer["endpoints"]) == {local}
    entry = answer["endpoints"][local]
    assert set(entry) == {"scopes", "retention"}
    assert entry["retention"] == {"newest": 0, "oldest": "inf"}
    subsystems = {domain: sorted(scope["subsystem"] for scope in scopes)
                  for domain, scopes in entry["scopes"].items()}
    assert subsystems == {"X1": ["CNF"], "Y1": ["SLO"], "Z1": ["ABC", "NOSUB"]}


@pytest.mark.case("A3")
def test_no_replays(server):
    assert server.action("replays") == {}


@pytest.mark.case("A3")
def test_registered_replays_are_in_seconds(registry_server):
    assert registry_server.action("replays") == {"RUN1": {"start": 1e9, "end": 1000086400.0}}


@pytest.mark.case("A4")
@pytest.mark.parametrize("name", ["bogus", "", "Server-Info"])
def test_unknown_action_is_refused(server, name):
    refused = wire.refusal(server.action, name)
    assert refused.code == "UNKNOWN", refused


@pytest.mark.case("A4")
def test_actions_are_listed(server):
    names = [action.type for action in server.connection.list_actions()]
    assert sorted(names) == ["replays", "scope-map", "server-info"]
    assert all(action.description for action in server.connection.list_actions())
