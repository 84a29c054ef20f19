"""Which platforms a call may go to, and what the model is called there."""
