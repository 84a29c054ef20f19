"""Finds the platforms that a call may go to, and the model's id on each."""
