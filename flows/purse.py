"""A purse: the processing units that one run may spend, over all of its areas.

The budget is one object that every area's source pays from, so what a failing area spent counts as
well. That holds within this process only; workers elsewhere cannot share it.
"""

import dataclasses
import math

from railwatch.errors import OperatorError, QuotaError
from railwatch.sources.sentinel_hub import Budget
from tasks.spread import Crew


class Purse:
    """What one run may spend."""

    def __init__(self, max_pu: float | None) -> None:
        self.max_pu = max_pu
        self.budget = Budget(math.inf if max_pu is None else max_pu)

    def check(self, area_id: str) -> None:
        """Refuse to begin another area once everything is spent.

        Raises
        ------
        QuotaError
            The budget is spent, or the account said that it is empty.
        """
        self.budget.check()
        if self.budget.spent_pu >= self.budget.max_pu:
            raise QuotaError(f"{area_id}: max_pu: the run's {self.budget.max_pu:g} PU are spent")

    def crew(self, dask: str | None = None) -> Crew:
        """Hire who can keep the budget.

        Raises
        ------
        OperatorError
            Workers elsewhere cannot share one budget.
        """
        crew = Crew.configured(dask)
        if self.max_pu is None:
            return crew
        if crew.address is not None:
            raise OperatorError(
                f"max_pu: workers at {crew.address} cannot share one budget; leave max_pu out, or "
                "the Dask address"
            )
        return dataclasses.replace(crew, together=True)
