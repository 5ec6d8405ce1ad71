"""What servers that are one fake share of their worlds: its interfaces.

Each is implemented twice, in `fake_apimart.state`: in the memory of one server, and in Redis.
Nothing here keeps anything.
"""
