"""The benchmark harness: workers, interleaving, medians, the table. See docs/benchmarks.md."""
