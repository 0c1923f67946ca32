"""Who: what a person is interested in and worth, which groups hold together, whom a campaign is for."""
