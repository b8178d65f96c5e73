"""When and where psets ran, as a trace that Perfetto shows."""
