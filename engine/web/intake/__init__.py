"""The doors through which clients of others deliver: the tracking API, cloud events, the snippet for pages."""
