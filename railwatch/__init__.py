"""railwatch counts standing railcars from satellite time series and says how sure it is."""

__version__ = "0.1.0"
