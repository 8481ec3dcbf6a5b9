"""The forward pass of an encoder, and what is read from inside it."""
