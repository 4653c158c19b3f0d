"""Setting up a Prefect server for railwatch: one description, applied again and again.

    settings      what an operator chooses: infra/operations.yaml
    deployments   infra/prefect.yaml, and a watch of each area
    limits        how much of what is scarce may be used at once
    notices       where alarms are sent: notification blocks
    alarms        automations: what is worth an alarm, and what is done at once
    setup         all of it, idempotent: `railwatch ops setup`, `make deploy`

Everything set up carries a mark (`MARK`), so that what is no longer wanted can be told from what
somebody else made. Nothing here knows a secret: notices name environment variables.
"""

MARK = "railwatch"
"""Tag of every deployment and run, first word of every automation, limit and block."""
