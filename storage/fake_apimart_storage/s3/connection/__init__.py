"""The way to a store: boto3's clients, calls of them in threads, and what went wrong.

What an answer or a failure means for one call alone belongs to who makes that call.
"""
