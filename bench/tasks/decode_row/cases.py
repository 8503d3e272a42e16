"""C++: IPC bytes of a row batch to usable series. Floor: 1 us a message and 1 ns a row."""

from harness import decode

CASES = decode.cases(lambda channels: 1 + 0.001 * channels)
