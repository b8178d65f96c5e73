"""Any `concurrent.futures.Executor`: threads, processes, loky, MPI (mpi4py.futures), Dask."""
