"""Event loops: streams and calls that hold up nothing."""

import asyncio
import threading

import pytest
from conftest import url_of

import carryall
from carryall.aio import AsyncClient
from carryall.errors import CancelledError, UnavailableError

START = 1_000_000_000
COUNT, RAMP = "X1:PYT-COUNT", "X1:PYT-RAMP"
SOON = 30  # s


def run(task):
    return asyncio.run(asyncio.wait_for(task, SOON))


def test_streams_for_event_loops(client):
    async def task():
        return [block.time_ns async for block in client.stream([COUNT], START, START + 1)]

    assert run(task()) == [b.time_ns for b in client.stream([COUNT], START, START + 1)]


def test_several_streams_at_once_and_the_loop_goes_on(client):
    async def take(blocks, count):
        taken = []
        async for block in blocks:
            taken.append(block)
            if len(taken) == count:
                return taken

    async def task():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.create_task(tick())
        taken = await asyncio.gather(*(take(client.stream([name]), 3) for name in (COUNT, RAMP)))
        ticking.cancel()
        return taken, ticks

    taken, ticks = run(task())
    assert [len(blocks) for blocks in taken] == [3, 3] and ticks > 10
    assert all(b.time_ns == a.end_ns for blocks in taken for a, b in zip(blocks, blocks[1:]))


def test_calls_for_event_loops(server, client):
    async def task():
        async with AsyncClient(server.url) as other:
            block = await other.fetch([COUNT], START, START + 1)
            found = sorted([channel.name async for channel in other.find()])
            return (block, found, await other.count(), await other.domains(),
                    list(await other.describe([COUNT])), await other.replays(),
                    await other.endpoints(), bool(await other.server_info()),
                    bool(await other.scope_map()))

    block, found, *rest = run(task())
    assert block == client.fetch([COUNT], START, START + 1)
    assert found == sorted(channel.name for channel in client.find())
    assert rest == [3, ["X1"], [COUNT], {}, client.endpoints(), True, True]


def test_errors_come_to_the_task(client):
    async def task():
        with pytest.raises(UnavailableError):
            async for _ in client.stream(["X1:NOPE"], START, START + 1):
                pass
        async with AsyncClient(client.initial_url) as other:
            with pytest.raises(ValueError):
                await other.fetch([COUNT], START, START)

    run(task())


def carryall_threads():
    return [t for t in threading.enumerate() if t.name.startswith("carryall-")]


@pytest.mark.parametrize("waiting", [
    lambda c: c.count(), lambda c: c.fetch(["X1:A"], 0, 1),
    lambda c: anext(aiter(c.stream(["X1:A"], 0, 1)))])
def test_a_cancelled_task_ends_its_call(silent_server, waiting):
    async def task():
        client = AsyncClient(url_of(silent_server))
        call = asyncio.ensure_future(waiting(client))
        silent_server.setblocking(False)
        connection, _ = await asyncio.get_running_loop().sock_accept(silent_server)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        connection.close()

    run(task())
    for thread in carryall_threads():
        thread.join(SOON)
    assert carryall_threads() == []


def test_leaving_a_loop_closes_the_stream(client):
    async def task():
        stream = client.stream([COUNT])
        async for _ in stream:
            break
        return list(stream)

    assert run(task()) == []
    for thread in carryall_threads():
        thread.join(SOON)
    assert carryall_threads() == []


def test_cancellation_of_one_call(silent_server):
    """What AsyncClient is made of."""
    client = carryall.Client(url_of(silent_server))
    cancellation = carryall._core.Cancellation()
    problems = []

    def call():
        try:
            cancellation.run(client.count)
        except CancelledError as error:
            problems.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    connection, _ = silent_server.accept()
    cancellation.cancel()
    thread.join()
    connection.close()
    assert len(problems) == 1
    with pytest.raises(CancelledError):
        cancellation.run(client.count)
