"""How Alembic reaches the database: over the connection that `schema.migrate` hands it."""

from alembic import context

from ionflux_core.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
