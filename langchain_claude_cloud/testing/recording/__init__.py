"""Records what a test exchanges with the real clouds, and replays it without a network.

vcrpy (extra ``record``) takes hold of the HTTP clients and finds the recorded answer to a
request. What is here: which requests are recorded, what is taken out of them, and files that
people can read.
"""
