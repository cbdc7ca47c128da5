"""The modules that are trained in a way of their own: one file each, named as the module's in `imip/modules/`."""
