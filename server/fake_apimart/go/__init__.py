"""Go's standard library where it shows on the wire, module by module under Go's own names.

The vendor's server is written in Go: its error texts and its reading of a form are those of
`net/http` and the packages below it (tag `go`; reference version 1.25). The code here works on
bytes, as Go does, and knows nothing of the vendor's API, of HTTP servers or of storage.
"""
