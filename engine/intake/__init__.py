"""What comes in from elsewhere: calls of tracking clients, cloud events, records of other systems."""
