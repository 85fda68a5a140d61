"""Service level agreements: policies, business calendars, and the SLA targets of a ticket."""
