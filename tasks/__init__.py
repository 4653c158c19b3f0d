"""The verbs: one Prefect task, or one family, a module. Imports railwatch, never flows."""
