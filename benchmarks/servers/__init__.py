"""The servers that are measured: ours, each in a process of its own, and those beside it."""
