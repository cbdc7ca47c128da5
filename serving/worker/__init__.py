"""What one worker process does besides answering: it loads modules, formats its log and sets its metrics."""
