"""The plug-in is a package of its own: its tests run by themselves, where it is installed (test_plugin.py)."""

from __future__ import annotations

collect_ignore = ["plugin"]
