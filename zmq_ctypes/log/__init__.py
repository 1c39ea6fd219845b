"""Logging over sockets: `handlers` publishes the records of `logging`, and ``python -m`` with this name shows them."""
