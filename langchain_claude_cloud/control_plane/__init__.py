"""Asks the clouds' control planes for models, inference profiles, and the model of an ARN."""
