"""Rendering in a process of its own, which may be killed: what a template may cost in time, memory and size.

Jinja's sandbox bounds what a template can reach, and its makers say that it cannot bound what it costs; so does this
room. In the order of reading: `asked` (what goes in, what comes out), `wire` (how it crosses), `child` (the process),
`line` (its pipes and its end, seen from here), `process` (who keeps it, and begins it anew).
"""
