"""Published names of Yelp categories that contain a comma."""

from __future__ import annotations

__all__ = ["NAMES"]

NAMES = (
    "Beer, Wine & Spirits",
    "Books, Mags, Music & Video",
    "Books, Mags, Music and Video",
    "Used, Vintage & Consignment",
    "Used, Vintage and Consignment",
    "Wills, Trusts, & Probates",
    "Wills, Trusts & Probates",
    "Wills, Trusts, and Probates",
)
"""English titles of Yelp's category list (https://docs.developer.yelp.com/docs/resources-categories): the aliases
``beer_and_wine``, ``media``, ``vintage`` and ``willstrustsprobates``, each in the spellings of older releases too."""
