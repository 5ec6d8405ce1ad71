"""What is told of a verification: in a terminal, as JSON, as JUnit.

Each report is made from results alone. What ran and what came of it is `verify`'s.
"""
