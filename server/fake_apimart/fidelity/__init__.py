"""What is emulated, from which source it is known, and where the emulation differs.

Belongs here: the page that docs/fidelity.md and `fake-apimart fidelity` show, and what is not
emulated. What is known of each operation does not; the page is made of the cases.
"""
