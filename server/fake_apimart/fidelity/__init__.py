"""What is emulated, from which source it is known, and where the emulation differs.

Belongs here: the tables, and the page that docs/fidelity.md and `fake-apimart fidelity` show. What
an answer says does not; the table only describes it.
"""
