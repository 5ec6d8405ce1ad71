"""The operation `generations.create`, and the models that it offers.

Belongs here: its request and the schema for it, the model table and catalogue, planning a task,
idempotency. Does not: what becomes of a task (tasks), and reading or drawing pictures (pictures).
"""
