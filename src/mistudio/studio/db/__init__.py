"""PostgreSQL: tables with their queries beside them, migrations, and the embedded server."""
