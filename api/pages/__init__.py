"""What the console's pages show, made ready for their templates."""
