"""What the endpoints share and that needs no I/O: values and rules, to be tested without a socket.

Rule 1: nothing here waits, sends, receives or reads a clock; times come in as arguments.
Rule 2: an object here belongs to one endpoint, which calls it under its own lock; where another thread or a garbage
collector's callback may call in, the method says so.
"""
