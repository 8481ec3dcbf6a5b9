"""The forward pass of an encoder, and quantities read from its layers."""
