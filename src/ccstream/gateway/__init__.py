"""The gateway: HTTP in, for what does not speak Kafka.

Stateless: any number of them may run beside each other. See ``docs/gateway.md``.
"""
