"""What the pages ask: one module a question, read only, answered from the warehouse alone."""
