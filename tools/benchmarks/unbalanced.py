"""The service without balancing of connections between workers, as a baseline. No setting turns it off."""

import sys

import service as shipped
from serving.middleware import balance

balance.SPREAD = sys.maxsize
service = shipped.service
