"""Programs that tests start: their output is collected while they run, and they always end."""

import os
import signal
import subprocess
import threading


def clean_environment(**extra):
    """The environment of a program under test: nobody's ARRAKIS_* settings but our own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ARRAKIS_")}
    return {**kept, **{k: str(v) for k, v in extra.items()}}


# Should the test run itself be killed, the programs it started get a SIGTERM.
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "TERM")


class Program:
    """A running program. Lines of both outputs are read as they come."""

    def __init__(self, argv, env=None, stdin=subprocess.DEVNULL):
        self.argv = [str(a) for a in argv]
        self.out, self.err = [], []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [*_ENDS_WITH_US, *self.argv], env=env or clean_environment(), stdin=stdin, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace")
        self._readers = [
            threading.Thread(target=self._collect, args=(pipe, lines), daemon=True)
            for pipe, lines in ((self._process.stdout, self.out), (self._process.stderr, self.err))]
        self._open = len(self._readers)
        for reader in self._readers:
            reader.start()

    def _collect(self, pipe, lines):
        for line in pipe:
            with self._changed:
                lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process.poll() is None

    def wait_for_line(self, pattern, lines, timeout=30):
        """The first match of `pattern` in `lines` (self.out or self.err)."""
        seen = 0

        def search():
            nonlocal seen
            while seen < len(lines):
                found = pattern.search(lines[seen])
                seen += 1
                if found:
                    return found
            return "ended" if self._open == 0 else None

        with self._changed:
            found = self._changed.wait_for(search, timeout)
        if found is None or found == "ended":
            what = "ended" if found else f"did not within {timeout} s"
            raise AssertionError(
                f"waiting for {pattern.pattern!r}, the program {what}: {self.describe()}")
        return found

    def signal(self, number=signal.SIGTERM):
        self._process.send_signal(number)

    def wait(self, timeout=30):
        """The exit status, once both outputs are read to their ends."""
        status = self._process.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)
        return status

    def stop(self, timeout=10):
        """Ends the program, by force if it does not go on its own."""
        if self.running:
            self._process.terminate()
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self.wait(timeout)

    def describe(self):
        tail = "\n".join(self.err[-20:] + self.out[-5:])
        return f"{' '.join(self.argv)} (exit status {self._process.poll()})\n{tail}"

    def processor_seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Finished:
    """What a program that ran to its end left behind."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"exit status {self.status}\n--- out\n{self.out[-4000:]}\n--- err\n{self.err[-4000:]}"


def run(argv, input=None, timeout=60, memory=None, **environment):
    """Runs a program to its end. `memory`: bytes it may allocate, not counting what it maps
    from files; more fails in the program."""
    argv = [str(a) for a in argv]
    limit = [] if memory is None else ["prlimit", f"--data={memory}"]
    try:
        done = subprocess.run(
            [*_ENDS_WITH_US, *limit, *argv], env=clean_environment(**environment), text=True,
            input=input, stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True, timeout=timeout, errors="replace")
    except subprocess.TimeoutExpired as late:
        out, err = ((text or b"").decode(errors="replace") for text in (late.stdout, late.stderr))
        raise AssertionError(
            f"not finished within {timeout} s: {' '.join(argv)}\n{out}\n{err}") from None
    return Finished(done.returncode, done.stdout, done.stderr)
