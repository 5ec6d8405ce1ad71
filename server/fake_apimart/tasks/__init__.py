"""Generation tasks from their creation on: state, storage, polls, results and balance.

Belongs here: what derives a task's state and answers from its stored plan, and the cost of tasks.
Does not: checking and planning a request (generation), how results are drawn (pictures), and who
is called at the end (callbacks).
"""
