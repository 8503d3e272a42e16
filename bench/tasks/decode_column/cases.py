"""C++: IPC bytes of a column batch to usable series. Floor: 1 us a message and 0.1 us a list column."""

from harness import decode

CASES = decode.cases(lambda channels: 1 + 0.1 * channels)
