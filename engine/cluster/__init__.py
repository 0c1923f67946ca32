"""Many processes on one PostgreSQL store: procrastinate hands the jobs out, the store stays the queue."""
