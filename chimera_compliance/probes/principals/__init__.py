"""Who uses the stack, and where their tokens come from."""
