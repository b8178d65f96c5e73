"""What other libraries call our options, and what replaces those that we do not have."""

from __future__ import annotations

OTHER_WORDS = {
    "ncores": (
        *("workers", "n_workers", "num_workers", "max_workers", "n_jobs", "njobs", "num_jobs", "jobs"),
        *("processes", "n_processes", "num_processes", "nprocs", "cores", "num_cores", "parallel"),
    ),
    "group_size": ("chunksize", "chunk_size"),
    "batch": ("vectorized", "vectorize", "batched"),
    "max_tasks_per_child": ("maxtasksperchild",),
    "worker_init": ("initializer", "init_func"),
    "user_kwargs": ("args", "kwargs", "constants", "fixed"),
    "out_func": ("callback", "on_result"),
    "chdir": ("cwd", "workdir", "directory"),
    "retries": ("max_retries", "n_retries", "retry"),
    "verbose": ("verbosity", "progress", "progress_bar", "quiet", "silent"),
    "checkpoint": ("cache", "cache_dir", "output_dir", "out_dir", "save"),
}
OF_INIT = ("ncores", "max_tasks_per_child", "worker_init")
ADVICE = {
    "resume": "give map() checkpoint='a directory', which takes up what an earlier run has stored there",
    "batch_size": "give map() batch= for a function that takes whole arrays, else group_size=",
    "batchsize": "give map() batch= for a function that takes whole arrays, else group_size=",
    "seed": "give the psets seeds, with params.add_seed(psets, root)",
    "shuffle": "give psets in that order: params.grid(...).shuffle(seed)",
    "threads": "give init() ncores= for worker processes, threads_per_worker= for the threads of each",
    "on_error": "leave it out, since psets that fail are in results.missing; max_failures= ends the map",
    "random_state": "give the psets seeds, with params.add_seed(psets, root)",
}


def hint_for(name: str) -> str:
    """Return the end of a sentence that says what replaces another library's option; empty if unknown.

    Examples
    --------
    >>> hint_for("n_jobs")
    ': give init() ncores='
    """
    if name in ADVICE:
        return f": {ADVICE[name]}"
    ours = next((ours for ours, theirs in OTHER_WORDS.items() if name in theirs), None)
    if ours is None:
        return ""
    return f": give {'init' if ours in OF_INIT else 'map'}() {ours}="
