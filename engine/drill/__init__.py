"""The drills: what sojourn promises about crashes, hostile worlds and bad input, tried before the reader's eyes."""
