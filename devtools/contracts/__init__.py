"""What is published for others, made from the schemas: examples, the AsyncAPI document, the event reference."""
