"""The commands of `imip` about many findings; those about models stand in `imip.cli`."""
