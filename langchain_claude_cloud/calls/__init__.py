"""Sends one call, with retries, failover, adaptation and continuation."""
