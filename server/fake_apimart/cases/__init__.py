"""What a case of the contract is: its model, how it is read, and what an answer is held against.

The cases themselves are data, in `contract/cases/`. Nothing here sends anything.
"""
