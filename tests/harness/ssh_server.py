"""An SSH server on loopback for the user who runs it: commands by his shell, ports forwarded.
`python -m harness.ssh_server PORT HOST_KEY AUTHORIZED_KEYS` serves until it is ended."""

import asyncio
import getpass
import sys

import asyncssh


class _Login(asyncssh.SSHServer):
    """Lets this user in, with a key of his, and nobody else."""

    def __init__(self, keys):
        self._keys = keys

    def connection_made(self, connection):
        self._connection = connection

    def begin_auth(self, username):
        if username == getpass.getuser():
            self._connection.set_authorized_keys(self._keys)
        return True

    def public_key_auth_supported(self):
        return True

    def connection_requested(self, dest_host, dest_port, orig_host, orig_port):
        return True


async def _run(process):
    """A command as a login host runs it; its exit status is the session's."""
    child = await asyncio.create_subprocess_shell(
        process.command or "exec /bin/sh", stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    process.exit(await child.wait())


async def _serve(port, host_key, authorized):
    keys = asyncssh.read_authorized_keys(authorized)
    async with asyncssh.listen("127.0.0.1", port, server_factory=lambda: _Login(keys),
                               server_host_keys=[host_key], process_factory=_run, encoding=None):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), *sys.argv[2:]))
