"""All HTTP of the package: pools of connections, sending, streams, fetching media.

It imports httpx, so it is imported by the first call.
"""
