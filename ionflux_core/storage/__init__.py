"""The only package that talks SQL: engine, tables, migrations, one module per noun."""
