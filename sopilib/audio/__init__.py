"""Sound: files, resampling, recordings, spectrograms."""
