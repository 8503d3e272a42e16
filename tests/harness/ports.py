"""Ports for programs that cannot pick their own."""

import contextlib
import random
import socket


def free_ports(count):
    """Loopback ports on which nobody listens, below those that the system gives to outgoing
    connections: what is down for a while finds its own free again."""
    ports = []
    with contextlib.ExitStack() as held:
        for port in random.sample(range(20000, 32000), 200):
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
            if len(ports) == count:
                return ports
    raise AssertionError("no free loopback ports between 20000 and 32000")
