"""The occasions: watch, backfill, recount, audit. Imports tasks and railwatch."""
