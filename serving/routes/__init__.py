"""The GET routes and feedback: their parameters, their queries and their answers."""
