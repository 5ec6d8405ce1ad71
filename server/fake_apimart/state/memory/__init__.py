"""The state of a server that is alone: in its memory, and in the storage what outlives a restart.

Rules, journals, rates and locks end with the process. Nothing here is shared with other servers.
"""
