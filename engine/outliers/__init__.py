"""The outliers: people whom another message serves better than the one that is best for everyone, as measured."""
