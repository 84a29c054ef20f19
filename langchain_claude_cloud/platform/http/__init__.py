"""All HTTP of the package: pools of connections, sending, streams, fetching media.

httpx is imported by the first call, so importing `loops` and `blocking` costs little,
and importing anything else here is for the first call.
"""
