"""Which Claude models there are, what each cloud calls them, and what they can do."""
