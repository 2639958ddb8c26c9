"""SendKit."""

LABEL = "SendKit"
