"""What every request passes around the application of a worker, from the outside in: balance, requests, errors."""
