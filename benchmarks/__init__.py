"""What the package costs, beside its peers and beside langchain-core's own floor.

In: nothing but this machine. Out: a table, and `docs/performance.md`. Run it with
``make bench`` or ``python -m benchmarks``.
"""
