"""Messages API JSON in, bytes on the wire out: one module a cloud, all HTTP in `http`."""
