import sys

from harness import servers

sys.path.insert(0, str(servers.ROOT / "build/release/python"))
