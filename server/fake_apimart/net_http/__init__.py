"""Go's `net/http` where it shows on the wire: heads, reasons, bodies in chunks, forms.

What its server makes of a request's bytes belongs here, under Go's own names, and the packages
below it in `go`. Connections, answers and the event loop do not: they are in `http`.
"""
