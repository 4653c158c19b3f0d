"""Detection of standing railcars, by resolution class."""
