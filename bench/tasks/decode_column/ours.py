"""Our decoder (ours.cc), until a block with its views is there."""

from harness import decode

timed = decode.Decode("decode_column", "ours")
prepare, measure, release = timed.prepare, timed.measure, timed.release
