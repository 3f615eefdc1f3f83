"""What is kept: feedback and the cards it is about, in SQLite or PostgreSQL.  The only room that knows a database."""
