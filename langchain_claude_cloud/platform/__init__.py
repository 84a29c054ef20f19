"""Sends requests to the clouds: one module for each cloud, and all HTTP in `http`."""
