"""The live page: a survey in the browser while it runs, and after it.

It is a process of its own, which reads the checkpoint and computes all that it shows; the survey's process
only writes ``live.json`` once a second. Nothing is unpickled, and nothing but what the checkpoint holds is
served.

`launch` starts it from a session, and loads nothing else of this package.
"""
