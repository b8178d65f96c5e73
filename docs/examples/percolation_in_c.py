"""
A program in C: percolation
===========================

Water seeps through a porous stone if its pores are connected. This program is written in C, and does not
use Python: it gets its parameters on the command line, and prints its result.
"""

import subprocess
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

folder = Path(tempfile.mkdtemp())
(folder / "percolate.c").write_text(r"""
#include <stdio.h>
#include <stdlib.h>

static int size, *stone;                 /* 1: a pore, 2: a wet one */

static int flood(int row, int column) {  /* does water reach the lowest row from here? */
    if (row < 0 || column < 0 || column >= size || stone[row * size + column] != 1) return 0;
    stone[row * size + column] = 2;
    if (row == size - 1) return 1;
    int found = flood(row + 1, column);
    found |= flood(row, column - 1);
    found |= flood(row, column + 1);
    found |= flood(row - 1, column);
    return found;
}

int main(int argc, char **argv) {        /* percolate size porosity seed */
    size = atoi(argv[1]);
    srand48(atol(argv[3]));
    stone = malloc(size * size * sizeof *stone);
    int stones = 200, wet = 0;
    for (int i = 0; i < stones; i++) {
        for (int j = 0; j < size * size; j++) stone[j] = drand48() < atof(argv[2]);
        int found = 0;
        for (int column = 0; column < size; column++) found |= flood(0, column);
        wet += found;
    }
    printf("{\"percolates\": %g}\n", (double)wet / stones);
}
""")
subprocess.run(["cc", "-O2", "-o", "percolate", "percolate.c"], cwd=folder, check=True)

# %%
# The survey is one command, which you could also type in a shell:

command = """
paramsurvey run -v0 -p size=8,16,32,64 -p porosity=0.45:0.75:0.0125 -p seed=1,2
    --parse json -o stones.csv -- ./percolate {size} {porosity} {seed}
"""
subprocess.run(command.split(), cwd=folder, check=True)
stones = pd.read_csv(folder / "stones.csv")
stones[["size", "porosity", "seed", "percolates"]].tail(3)

# %%
# The larger the stone, the more sudden the transition. In an infinite stone it is at a porosity of 0.593.

stones.pivot_table(index="porosity", columns="size", values="percolates").plot(marker=".", figsize=(7, 4))
plt.axvline(0.5927, color="grey", linestyle="--")
plt.ylabel("part of the stones that water seeps through")
plt.show()
