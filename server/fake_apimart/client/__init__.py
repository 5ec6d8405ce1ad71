"""The other end of the wire: sends requests as they stand in a case, and reads answers strictly.

Connections, the bytes of requests, answers, and the receiver of callbacks belong here. What an
answer should be does not.
"""
