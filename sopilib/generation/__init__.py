"""Takes and streams: from a generator of samples to audio with a record."""
