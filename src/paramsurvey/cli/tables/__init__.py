"""Tables on the command line: axes and psets that go in, results that come out."""
