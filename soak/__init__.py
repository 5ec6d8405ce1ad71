"""A soak test: load of all kinds and disturbances against a real server, for minutes or hours."""
