"""A survey's columns, as views read them.

==============  ================================================================================
`source`        the protocol: a table whose columns can be read in pieces
`frame`         DataFrames as such a table
`arrow`         Parquet files and Arrow datasets as such a table
`axes`          the values of a column, in their order
`coding`        from a column's cells to places on its axis
`groups`        sums, extremes and quantiles by group; rows chosen at random
`survey_data`   one survey: finished and missing psets together
==============  ================================================================================
"""
