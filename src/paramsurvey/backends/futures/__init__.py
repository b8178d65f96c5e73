"""Any `concurrent.futures.Executor`: threads, processes, loky, MPI, Dask, Parsl, executorlib."""
