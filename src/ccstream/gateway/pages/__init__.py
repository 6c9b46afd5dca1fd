"""Pages that people look at: made on the server, with a little JavaScript and nothing built."""
