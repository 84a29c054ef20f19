"""One call: sent, retried, moved to another route, continued and adapted until it is answered."""
