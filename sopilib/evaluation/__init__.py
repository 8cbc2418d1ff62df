"""How well a model fits recordings, and how similar its takes are to them."""
