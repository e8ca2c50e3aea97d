"""Jobs: one table, one state machine, leases; Celery wakes the workers."""
