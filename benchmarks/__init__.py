"""What the package costs, beside its peers and beside langchain-core's own floor.

Run it with ``make bench`` or ``python -m benchmarks``.
"""
