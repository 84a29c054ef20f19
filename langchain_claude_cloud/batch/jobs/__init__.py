"""Batch inference of the clouds: jobs that answer many prompts at half the price, within a day."""
