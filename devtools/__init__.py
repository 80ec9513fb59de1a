"""What developers run beside the consumer: none of it is shipped."""
