"""Runs the migrations on the connection that `monitoring.database.migrate` hands over."""

from alembic import context

from monitoring.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
