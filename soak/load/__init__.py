"""The load: what clients do, and how what they were told is compared with the server."""
