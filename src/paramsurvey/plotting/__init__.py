"""Pictures of results, with matplotlib: ``results.plot.slice(x, y, value)`` and its siblings.

Each picture is a function from a view, which has the numbers, to Axes. matplotlib is loaded when the
first picture is drawn.

================  ==============================================================================
`accessor`        ``results.plot``: pandas' own, and ours
`heatmap`         slices, and failures by two axes
`bars`            importance, distributions and cost
`lines`           parallel coordinates
`workers`         timelines
`palette`         colours and patterns
`labels`          names with units; as many tick labels as there is room for
================  ==============================================================================
"""
