"""A message as its readers see it, before anybody gets it: the look, the checks, the page with all of them."""
