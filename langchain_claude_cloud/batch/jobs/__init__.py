"""Batch jobs of the clouds, which answer many prompts at half the price, mostly within a day."""
