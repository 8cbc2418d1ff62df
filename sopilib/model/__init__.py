"""SampleRNN: its config, its network in TensorFlow, its checkpoints on disk."""
