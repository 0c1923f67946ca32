"""How arms are scored: features, models, and the labels they are taught. Importing this room loads no library."""
