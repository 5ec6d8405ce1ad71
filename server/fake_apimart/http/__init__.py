"""HTTP/1.1 on a connection: the protocol, request bodies, the writer of answers, socket faults.

Whatever touches asyncio's transports or uvicorn's internals belongs here. What an
answer says does not: this room knows no operation, no API key and no error of the vendor's.
"""
