"""A pytest plugin (-p ours_as_arrakis): `import arrakis` yields ours in that run."""

from carryall import as_arrakis

as_arrakis.install()
