"""The SDK: publish a channel's events, follow what became of them."""
