"""Training: from recordings to checkpoints that play."""
