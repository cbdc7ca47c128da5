"""What a person can type: the commands of `imip`, one file per group."""
