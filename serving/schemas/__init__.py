"""The API's types: what the routes take and answer, and how predictions, checks and cards become them."""
