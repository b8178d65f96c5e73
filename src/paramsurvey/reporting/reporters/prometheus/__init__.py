"""Progress for Prometheus: served over HTTP, and written to a file."""

from __future__ import annotations

from paramsurvey.errors import PackageMissing


def need_prometheus_client() -> None:
    """Raise `PackageMissing` if prometheus_client cannot be imported."""
    try:
        import prometheus_client  # noqa: F401  (to see whether that works)
    except ImportError as error:
        raise PackageMissing(
            f"metrics_port and metrics_file need prometheus_client, which cannot be imported ({error}): "
            "pip install 'paramsurvey[metrics]'"
        ) from error
