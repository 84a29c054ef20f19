"""The Claude models: their ids on each cloud, their limits and their features."""
