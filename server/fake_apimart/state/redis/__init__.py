"""The state that several servers share, in Redis or Valkey.

What must not come apart is done by scripts, which Redis runs one after the other; they are in
`scripts/`, and their keys are described in `scripts/keys.lua`.
"""
