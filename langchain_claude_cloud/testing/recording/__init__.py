"""Records what a test exchanges with the real clouds, and replays it without a network.

vcrpy (extra ``record``) intercepts the HTTP clients and finds the recorded answer to a request.
This package decides which requests are recorded, removes secrets from them, and writes files that
people can read.
"""
