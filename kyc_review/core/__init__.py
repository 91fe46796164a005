"""What every part of the site uses and that knows no rule of the domain: errors, permissions, database, API helpers."""
