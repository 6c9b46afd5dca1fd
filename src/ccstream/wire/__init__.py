"""Bytes to events and back: what travels over Kafka, and how it is named.

This layer promises:

* **Any bytes are safe to read.** `codec.Codec.decode_event` answers with an event or raises
  `UndecodableError`, in time linear to the record, whatever the bytes are.
* **What was once released can be read for ever.** Every released version of a schema is kept
  under ``schemas/released/``, and bytes written with it are read into today's records.
* **One table of topics.** `catalogue` names every topic with its settings, and a reason for
  each; topics, registry subjects and ``asyncapi.yaml`` are made from it.
* **Java's partitions.** `partition` places a key where Kafka's Java client would.

It does no I/O but the reading of schema files and, where the Confluent framing is used, the
look-ups in a schema registry; it knows nothing of Faust, consumers or producers.
"""
