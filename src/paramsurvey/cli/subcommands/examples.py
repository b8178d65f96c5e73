"""``paramsurvey examples``: commands to begin with."""

from __future__ import annotations

import click

TEXT = """\
# every combination of two parameters; the results are a table on stdout
paramsurvey run -p a=1,2,3 -p b=0:1:0.25 -- echo {a} {b}

# see the commands first; then run only the first two
paramsurvey run -p a=1,2,3 --dry-run -- ./simulate --a {a}
paramsurvey run -p a=1,2,3 --limit 2 -- ./simulate --a {a}

# pairs of values instead of every combination; values from a file, one per line
paramsurvey run --zip -p n=1,2,3 -p kind=@kinds.txt -- ./simulate {n} {kind}

# files: what GNU parallel calls {/.} is {f.stem}
paramsurvey run -p 'f=glob(in/*.jpg)' -- convert {f} out/{f.stem}.png

# what the commands print, as it comes, with a tag before each line
paramsurvey run -p host=a,b,c --follow --tag -- ping -c 3 {host}

# parameter sets from a table, one in each row; results into another table
paramsurvey run --psets table.csv -o results.csv -- ./simulate --a {a} --b {b}

# 1000 samples that fill the space evenly (Sobol)
paramsurvey run --sample 1000 --method sobol -p 'x=uniform(0,1)' -p 'r=loguniform(1e-3,10)' \\
    -- ./simulate {x} {r}

# columns from what the program prints: numbers after 'loss=', or a JSON object at the end
paramsurvey run -p rate=0.1,0.01 --parse 'loss=([0-9.]+)' -- python train.py {rate}
paramsurvey run -p rate=0.1,0.01 --parse json -o results.parquet -- python train.py {rate}

# stop commands after a minute, retry failed ones twice, take exit code 3 for success
paramsurvey run -p a=1,2,3 --timeout 60 --retries 2 --ok-codes 0,3 -- ./simulate {a}

# a long run: results are saved in out/; look at it, resume it, get its results
paramsurvey run -p a=1:1000 --checkpoint out -- ./simulate {a}
paramsurvey status out
paramsurvey resume out
paramsurvey export out results.parquet

# a pipe needs a shell; paramsurvey quotes the values
paramsurvey run -p 'name=a b,c' --shell -- 'echo {name} | wc -c'

# a Python function: def area(width, height), or a worker function for paramsurvey.map
paramsurvey run -p width=1,2 -p height=3,4 shapes:area
"""

EPILOG = """\b
Example:
  paramsurvey examples | grep -A1 sobol
"""


@click.command(epilog=EPILOG)
def examples() -> None:
    """Show commands to begin with."""
    print(TEXT, end="")
