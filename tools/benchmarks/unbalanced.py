"""The service with workers that keep every connection they get, to measure by: no product option turns it on."""

import sys

import service as shipped
from serving.middleware import balance

balance.SPREAD = sys.maxsize
service = shipped.service
