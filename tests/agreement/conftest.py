"""Scripts that run by themselves, without the package, are no test modules."""

collect_ignore = ["certificate_bounds.py", "certificate_rivals.py", "recompute_certificate.py"]
