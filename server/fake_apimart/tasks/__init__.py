"""Generation tasks from their creation on: state, storage, polls, results, callbacks and balance.

Belongs here: what derives a task's state and answers from its stored plan, and the cost of tasks.
Does not: checking and planning a request (generation), and how results are drawn (pictures).
"""
