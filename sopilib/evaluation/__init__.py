"""How well a model fits recordings, and how much its takes resemble them."""
