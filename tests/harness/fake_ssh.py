"""An `ssh` for tests, whose every host is this machine: a control master with commands and
port forwards over its socket, as far as OpenSSH's own command line is used here.

What the hosts are like, in the environment: FAKE_SSH_SERVER is ARRAKIS_SERVER there,
FAKE_SSH_HOSTS the JSON of {"name:port": "127.0.0.1:port"} for names that only they know,
FAKE_SSH_LOG a file that gets the words of every call. The host `refused` refuses, `silent`
never answers, and `dying` ends the connection once a port is forwarded."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading


def parse(words):
    options, rest = {}, list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word in ("-M", "-T", "-f", "-N"):
            options[word] = True
        else:
            options.setdefault(word, []).append(rest.pop(0))
    return options, rest[0], rest[1:]


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(255)


def run_there(command, **how):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ARRAKIS_")}
    if os.environ.get("FAKE_SSH_SERVER"):
        environment["ARRAKIS_SERVER"] = os.environ["FAKE_SSH_SERVER"]
    return subprocess.Popen(["sh", "-c", " ".join(command)], env=environment, **how)


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def forward(spec):
    """What is wrong with it, or nothing."""
    bind, port, remote = spec.split(":", 2)
    assert bind == "localhost", spec
    remote = json.loads(os.environ.get("FAKE_SSH_HOSTS", "{}")).get(remote, remote)
    host, _, remote_port = remote.rpartition(":")
    try:
        listener = socket.create_server(("127.0.0.1", int(port)))
    except OSError as error:
        return f"cannot listen to port: {port}: {error}"

    def serve():
        while True:
            near, _ = listener.accept()
            try:
                far = socket.create_connection((host, int(remote_port)), 10)
            except OSError as error:
                print(f"channel: open failed: connect failed: {error}", file=sys.stderr)
                near.close()
                continue
            far.settimeout(None)
            for ends in ((near, far), (far, near)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return None


def be_master(path, host, command):
    control = socket.socket(socket.AF_UNIX)
    control.bind(path)
    control.listen()
    child = run_there(command)

    def end(*_):
        child.kill()
        os.unlink(path)
        os._exit(255)

    def serve():
        while True:
            with control.accept()[0] as asker:
                spec = asker.recv(4096).decode()
                if spec:  # a command only looks whether we are there
                    asker.sendall((forward(spec) or "ok").encode())
            if spec and "dying" in host:
                os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=serve, daemon=True).start()
    status = child.wait()
    os.unlink(path)
    os._exit(status)


def main():
    if log := os.environ.get("FAKE_SSH_LOG"):
        with open(log, "a") as file:
            file.write(json.dumps({"pid": os.getpid(), "words": sys.argv[1:]}) + "\n")
    options, host, command = parse(sys.argv[1:])
    path = options["-S"][0]
    if "-M" in options:
        if "refused" in host:
            fail(f"ssh: connect to host {host} port 22: Connection refused")
        if "silent" in host:
            signal.pause()
        be_master(path, host, command)
    try:
        with socket.socket(socket.AF_UNIX) as master:
            master.connect(path)
            if "-O" in options:
                assert options["-O"] == ["forward"], options
                master.sendall(options["-L"][0].encode())
                answer = master.recv(4096).decode()
                if answer != "ok":
                    fail(f"{answer}\nmuxclient: master forward request failed")
                return
    except OSError as error:
        fail(f"Control socket connect({path}): {error}")
    sys.exit(run_there(command).wait())


def install(directory):
    """Puts it into a directory as `ssh`; gives PATH with that first."""
    program = directory / "ssh"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {os.path.abspath(__file__)} \"$@\"\n")
    program.chmod(0o755)
    return f"{directory}:{os.environ['PATH']}"


if __name__ == "__main__":
    main()
